#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "swan/export.h"
#include "swan/image.h"

namespace swan {

struct SaveVideoOptions {
  /// Frames a second, 0.01 to 1000; GIF at most 50 and WebP at most 90, see VideoWriter::open.
  double fps = 16;
  /// Constant rate factor, lower is better: MP4 1 to 51 (18 when not set), WebM 1 to 63 (24 when not set).
  std::optional<int> crf = std::nullopt;
  /// Animated WebP's, 1 to 100.
  int quality = 90;
  /// How many frames will come, 0 when it is not known. Lets a folder's older frames be replaced.
  int64_t num_frames = 0;
};

/// Writes a video picture by picture, as they are made: memory does not grow with the number of frames. Nothing is seen
/// under the final name before finish(); a writer that is destroyed earlier removes what it wrote, and a killed process
/// leaves only a file or folder named ".swan-*.part" beside the target. The same frames give the same bytes, whatever
/// the number of threads. To be used by one thread at a time.
class SWAN_API VideoWriter {
 public:
  /// The format follows the path: .mp4 (H.264, plays everywhere), .webm (VP9), .webp and .gif (animated, repeating for
  /// ever), any case; a path that ends in '/' or names an existing folder is a folder of pictures, frame_0000.png to
  /// frame_9999.png. MP4 and WebM hold yuv420p in BT.709's limited range; the sides of an MP4 must be even. All but the
  /// folder give each frame the same time: GIF counts in 1/100 s and WebP in 1/1000 s, rounded so that errors do not
  /// add up, and programs that show them slow down delays below 2/100 s and 11/1000 s.
  ///
  /// The metadata goes into the comment of MP4, WebM and GIF, the XMP chunk of WebP and each PNG; read_video_metadata
  /// reads it. A new folder appears whole. In a folder that is there, the frames appear one by one within finish(), and
  /// files of other names stay. Frames of an earlier clip are replaced when options.num_frames says that none of them
  /// will stay; otherwise they are refused, for two clips must not be mixed.
  /// @param width, height  pixels, 1 to 16384 each and at most 2^27 together
  /// @throws Error kInvalidArgument for an unknown extension, and for sizes, options or metadata that the format cannot
  ///         hold; kUnsupported where this machine's libav has no encoder for the format; kIo naming the path and the
  ///         system's reason
  [[nodiscard]] static std::unique_ptr<VideoWriter> open(const std::string& path, int64_t width, int64_t height,
                                                         const ImageMetadata& metadata = {},
                                                         const SaveVideoOptions& options = {});
  virtual ~VideoWriter();
  VideoWriter(const VideoWriter&) = delete;
  VideoWriter& operator=(const VideoWriter&) = delete;

  /// Appends a frame.
  /// @throws Error kInvalidArgument when the frame's size is not that of the video, which changes nothing; after any
  ///         other error, such as kIo naming the path and the reason, the writer can only be destroyed
  virtual void write(const Image& frame) = 0;
  /// Completes the file and gives it its name. @throws Error kInvalidArgument without a frame; kIo
  virtual void finish() = 0;

 protected:
  VideoWriter() = default;
};

/// Throws what VideoWriter::open would for an extension it does not know or an encoder that is not there: to fail
/// before a long run, not after it.
SWAN_API void check_video_path(const std::string& path);

/// The frames of a clip, the first `max_frames` of them, by the file's content: MP4, WebM, GIF, MOV or AVI as far as
/// this machine's libav decodes them; of a folder its pictures in the order of their names; a picture is one frame.
/// Rotations that a file asks for are not carried out.
/// @throws Error kNotFound, kIo, kCorruptFile naming the path; kUnsupported for another kind of file, frames of more
///         than 16384 pixels a side or of several sizes, or where libav is not there
[[nodiscard]] SWAN_API std::vector<Image> read_video(const std::string& path, int64_t max_frames);

/// The metadata that a VideoWriter wrote, by the file's content rather than its name; of a folder, that of its first
/// frame. The comment of another program is returned as "Comment".
/// @throws Error kNotFound, kCorruptFile, kUnsupported for another kind of file
[[nodiscard]] SWAN_API ImageMetadata read_video_metadata(const std::string& path);

}  // namespace swan

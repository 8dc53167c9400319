#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "swan/video.h"

// What the video formats share inside src/video; the public functions are in swan/video.h.
namespace swan::video {

/// What a format is opened with. All has been checked but what differs between formats.
struct Clip {
  std::string path;
  int width = 0, height = 0;  // pixels
  ImageMetadata metadata;
  SaveVideoOptions options;
};

/// One format's part of a VideoWriter. It gets frames of the clip's size; nothing is called after an error or finish(),
/// and finish() only after a frame. It removes what it wrote when it is destroyed unfinished.
class FrameSink {
 public:
  FrameSink() = default;
  FrameSink(const FrameSink&) = delete;
  FrameSink& operator=(const FrameSink&) = delete;
  virtual ~FrameSink() = default;
  /// @throws Error kIo; kInternal with the library's reason
  virtual void write(const Image& frame) = 0;
  virtual void finish() = 0;
};

/// @throws Error kInvalidArgument for what the format cannot hold; kUnsupported without its encoder; kIo
[[nodiscard]] std::unique_ptr<FrameSink> open_mp4(const Clip& clip);
[[nodiscard]] std::unique_ptr<FrameSink> open_webm(const Clip& clip);
[[nodiscard]] std::unique_ptr<FrameSink> open_gif(const Clip& clip);
[[nodiscard]] std::unique_ptr<FrameSink> open_webp(const Clip& clip);
[[nodiscard]] std::unique_ptr<FrameSink> open_png_folder(const Clip& clip);

/// Whether the encoders are there. @throws Error kUnsupported saying what to do
void check_mp4(const std::string& path);
void check_webm(const std::string& path);
void check_gif(const std::string& path);

/// The name of frame `index`, 0 to kMaxFolderFrames - 1: names sort in the frames' order.
[[nodiscard]] std::string folder_frame_name(int64_t index);
inline constexpr int64_t kMaxFolderFrames = 10'000;

/// The time at which frame `index` begins, in units of a second's 1/`ticks`, rounded.
[[nodiscard]] int64_t frame_start(int64_t index, double fps, int ticks);

/// @throws Error kInvalidArgument when the format, which `name` names, shows more than `most` frames a second slower
void check_fps(const Clip& clip, const char* name, double most);

}  // namespace swan::video

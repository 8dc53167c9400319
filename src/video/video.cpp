#include "swan/video.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/text.h"
#include "io/image_codecs.h"
#include "io/system.h"
#include "video/frame_sink.h"
#include "video/metadata.h"

namespace swan {
namespace {

namespace fs = std::filesystem;
using video::Clip;
using video::FrameSink;

struct Format {
  std::string_view extension;
  std::unique_ptr<FrameSink> (*open)(const Clip& clip);
  void (*check)(const std::string& path);  // that its encoder is there
};

void check_nothing(const std::string& /*path*/) {}

constexpr Format kFolder{"/", video::open_png_folder, check_nothing};
constexpr std::array<Format, 4> kFiles{{{".mp4", video::open_mp4, video::check_mp4},
                                        {".webm", video::open_webm, video::check_webm},
                                        {".webp", video::open_webp, check_nothing},
                                        {".gif", video::open_gif, video::check_gif}}};

Format format_of(const std::string& path) {
  std::error_code error;
  if (path.ends_with('/') || fs::is_directory(path, error)) return kFolder;
  const std::string extension = in_lower_case(fs::path(path).extension().string());
  for (const Format& known : kFiles) {
    if (extension == known.extension) return known;
  }
  fail(ErrorCode::kInvalidArgument,
       "cannot save a video as '{}': its extension '{}' names no known format; expected .mp4, .webm, .webp or .gif, or "
       "'{}/' for a folder of PNG frames. Rename the output.",
       path, extension, path);
}

void check_size(const std::string& path, int64_t width, int64_t height) {
  constexpr int64_t kMaxSide = 16384;  // libx264's
  constexpr int64_t kMaxPixels = int64_t{1} << 27;
  if (width <= 0 || height <= 0 || width > kMaxSide || height > kMaxSide || width * height > kMaxPixels) {
    fail(
        ErrorCode::kInvalidArgument,
        "cannot write {}: the video is {}x{}, expected sides from 1 to {} pixels and at most {} pixels. Choose another "
        "size.",
        path, width, height, kMaxSide, kMaxPixels);
  }
}

// The checks that all formats share, and what may follow what.
class CheckedWriter final : public VideoWriter {
 public:
  CheckedWriter(const Clip& clip, std::unique_ptr<FrameSink> sink)
      : path_(clip.path), width_(clip.width), height_(clip.height), sink_(std::move(sink)) {}

  void write(const Image& frame) override {
    check_open("write a frame to");
    if (frame.width != width_ || frame.height != height_) {
      fail(ErrorCode::kInvalidArgument,
           "cannot write frame {} to {}: it is {}x{}, but the video is {}x{}; all frames have one size.", frames_,
           path_, frame.width, frame.height, width_, height_);
    }
    const size_t bytes = static_cast<size_t>(width_) * static_cast<size_t>(height_) * 3;
    if (frame.rgb.size() != bytes) {
      fail(ErrorCode::kInvalidArgument,
           "cannot write frame {} to {}: a picture of {}x{} needs {} bytes (3 a pixel), found {}. Set width and height "
           "to what the bytes are.",
           frames_, path_, width_, height_, bytes, frame.rgb.size());
    }
    state_ = State::kFailed;  // unless it succeeds
    sink_->write(frame);
    ++frames_;
    state_ = State::kOpen;
  }

  void finish() override {
    check_open("finish");
    if (frames_ == 0) fail(ErrorCode::kInvalidArgument, "cannot finish {}: no frame was written to it.", path_);
    state_ = State::kFailed;
    sink_->finish();
    state_ = State::kFinished;
    sink_.reset();
  }

 private:
  enum class State { kOpen, kFailed, kFinished };

  void check_open(const char* doing) const {
    if (state_ == State::kOpen) return;
    fail(ErrorCode::kInvalidArgument, "cannot {} {}: {}; open a new writer.", doing, path_,
         state_ == State::kFinished ? "it is finished" : "an earlier frame could not be written");
  }

  std::string path_;
  int64_t width_, height_;
  std::unique_ptr<FrameSink> sink_;
  int64_t frames_ = 0;
  State state_ = State::kOpen;
};

}  // namespace

namespace video {

int64_t frame_start(int64_t index, double fps, int ticks) {
  return std::llround(static_cast<double>(index) * ticks / fps);
}

void check_fps(const Clip& clip, const char* name, double most) {
  if (clip.options.fps <= most) return;
  fail(ErrorCode::kInvalidArgument,
       "cannot write {}: fps is {}, but programs show {} frames beyond {} a second slower than they say. Lower fps, or "
       "write .mp4 or .webm.",
       clip.path, clip.options.fps, name, most);
}

}  // namespace video

VideoWriter::~VideoWriter() = default;

std::unique_ptr<VideoWriter> VideoWriter::open(const std::string& path, int64_t width, int64_t height,
                                               const ImageMetadata& metadata, const SaveVideoOptions& options) {
  constexpr double kMinFps = 0.01, kMaxFps = 1000;
  const Format format = format_of(path);
  check_size(path, width, height);
  io::check_metadata(path, metadata);
  if (!(options.fps >= kMinFps && options.fps <= kMaxFps)) {
    fail(ErrorCode::kInvalidArgument, "cannot write {}: fps is {}, expected {} to {}.", path, options.fps, kMinFps,
         kMaxFps);
  }
  if (options.num_frames < 0) {
    fail(ErrorCode::kInvalidArgument, "cannot write {}: num_frames is {}, expected 0 (not known) or more.", path,
         options.num_frames);
  }
  const Clip clip{path, static_cast<int>(width), static_cast<int>(height), metadata, options};
  return std::make_unique<CheckedWriter>(clip, format.open(clip));
}

void check_video_path(const std::string& path) { format_of(path).check(path); }

ImageMetadata read_video_metadata(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error))
    return read_image_metadata((fs::path(path) / video::folder_frame_name(0)).string());
  const io::OpenFile file = io::open_file(path);
  const std::string head = io::read_at(file, path, 0, std::min<size_t>(file.bytes, 12));
  if (head.size() >= 8 && head.substr(4, 4) == "ftyp") return video::read_mp4_metadata(path, file);
  if (head.starts_with("\x1A\x45\xDF\xA3")) return video::read_webm_metadata(path, file);
  if (head.starts_with("GIF8")) return video::read_gif_metadata(path, file);
  if (head.starts_with("RIFF") && head.ends_with("WEBP")) return io::read_webp_metadata(path, file);
  if (head.starts_with("\x89PNG")) return read_image_metadata(path);
  fail(
      ErrorCode::kUnsupported,
      "cannot read the metadata of {}: it is not an MP4, WebM, WebP, GIF or PNG file. Name a video that Swan wrote, or "
      "its folder of frames.",
      path);
}

}  // namespace swan

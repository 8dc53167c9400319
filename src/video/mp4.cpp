#include "core/error.h"
#include "video/yuv_video.h"

namespace swan::video {
namespace {
constexpr const char* kEncoder = "libx264";
}

void check_mp4(const std::string& path) { (void)find_encoder(path, kEncoder); }

std::unique_ptr<FrameSink> open_mp4(const Clip& clip) {
  if (clip.width % 2 != 0 || clip.height % 2 != 0) {
    fail(ErrorCode::kInvalidArgument,
         "cannot write {}: the video is {}x{}, but H.264 holds yuv420p only with even sides. Choose even sides, or "
         "write .webm.",
         clip.path, clip.width, clip.height);
  }
  const int crf = checked_crf(clip, "H.264", 18, 51);  // 0 would be lossless, which browsers do not play
  check_mp4(clip.path);
  Dictionary codec_options;
  codec_options.set("preset", "medium");
  codec_options.set("profile", "high");
  codec_options.set("crf", std::to_string(crf));
  Dictionary container_options;
  container_options.set("movflags", "+faststart");  // the index in front: browsers begin before they have all
  return std::make_unique<YuvVideo>(clip, kEncoder, "mp4", codec_options, container_options);
}

}  // namespace swan::video

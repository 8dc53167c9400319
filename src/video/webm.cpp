#include "video/yuv_video.h"

namespace swan::video {
namespace {
constexpr const char* kEncoder = "libvpx-vp9";
}

void check_webm(const std::string& path) { (void)find_encoder(path, kEncoder); }

std::unique_ptr<FrameSink> open_webm(const Clip& clip) {
  const int crf = checked_crf(clip, "VP9", 24, 63);
  check_webm(clip.path);
  Dictionary codec_options;
  codec_options.set("b", "0");  // crf alone decides
  codec_options.set("crf", std::to_string(crf));
  codec_options.set("deadline", "good");
  codec_options.set("cpu-used", "2");
  Dictionary container_options;
  return std::make_unique<YuvVideo>(clip, kEncoder, "webm", codec_options, container_options);
}

}  // namespace swan::video

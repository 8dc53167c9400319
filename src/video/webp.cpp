#include "core/error.h"
#include "io/image_codecs.h"
#include "io/system.h"
#include "video/frame_sink.h"

// An animated WebP is a RIFF file: VP8X (the canvas), ANIM (how often to repeat), one ANMF a frame, XMP. libwebpmux
// would hold all frames until the end, so the chunks are written here, each frame a whole picture:
// https://developers.google.com/speed/webp/docs/riff_container
namespace swan::video {
namespace {

constexpr int kMaxSide = 16383;  // of a VP8 frame
constexpr double kMaxFps = 90;   // browsers show frames of at most 10 ms for 100 ms
constexpr int kTicks = 1000;
constexpr size_t kFileHeader = 12;  // "RIFF", size, "WEBP"
constexpr size_t kMaxFile = 0xFFFF'FFFE;

void append_number(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xFFU);
}

std::string chunk(const char* name, std::string_view payload) {
  std::string bytes = name;
  append_number(bytes, payload.size(), 4);
  bytes += payload;
  if (payload.size() % 2 != 0) bytes += '\0';
  return bytes;
}

class WebP final : public FrameSink {
 public:
  explicit WebP(const Clip& clip) : clip_(clip), file_(clip.path) {
    append("RIFF\0\0\0\0WEBP", kFileHeader);  // the size follows at the end
    constexpr char kAnimation = 0x02, kXmp = 0x04;
    std::string canvas(1, static_cast<char>(kAnimation | (clip.metadata.empty() ? 0 : kXmp)));
    append_number(canvas, 0, 3);
    append_number(canvas, static_cast<uint64_t>(clip.width - 1), 3);
    append_number(canvas, static_cast<uint64_t>(clip.height - 1), 3);
    append(chunk("VP8X", canvas));
    append(chunk("ANIM", std::string(6, '\0')));  // background colour; repeat for ever
  }

  void write(const Image& frame) override {
    const std::vector<uint8_t> picture =
        io::encode_webp(clip_.path, frame, {}, {.quality = clip_.options.quality, .lossless = false});
    const double fps = clip_.options.fps;
    const int64_t ms = frame_start(next_ + 1, fps, kTicks) - frame_start(next_, fps, kTicks);
    ++next_;
    std::string payload;
    append_number(payload, 0, 6);  // x, y
    append_number(payload, static_cast<uint64_t>(clip_.width - 1), 3);
    append_number(payload, static_cast<uint64_t>(clip_.height - 1), 3);
    append_number(payload, static_cast<uint64_t>(ms), 3);
    constexpr char kDoNotBlend = 0x02;
    payload += kDoNotBlend;
    payload.append(picture.begin() + kFileHeader, picture.end());  // its one chunk
    append(chunk("ANMF", payload));
  }

  void finish() override {
    if (!clip_.metadata.empty()) append(chunk("XMP ", io::metadata_to_xmp(clip_.metadata)));
    std::string size;
    append_number(size, bytes_ - 8, 4);
    file_.write_at(4, size.data(), size.size());
    file_.sync();
    file_.commit();
  }

 private:
  void append(const char* data, size_t bytes) { append(std::string(data, bytes)); }
  void append(const std::string& data) {
    if (data.size() > kMaxFile - bytes_) {
      fail(
          ErrorCode::kInvalidArgument,
          "cannot write {}: it would have more than the 4 GiB that WebP can hold after {} frames. Write .mp4 or .webm.",
          clip_.path, next_);
    }
    file_.write(data);
    bytes_ += data.size();
  }

  const Clip clip_;
  io::AtomicFile file_;
  size_t bytes_ = 0;
  int64_t next_ = 0;
};

}  // namespace

std::unique_ptr<FrameSink> open_webp(const Clip& clip) {
  if (clip.width > kMaxSide || clip.height > kMaxSide) {
    fail(ErrorCode::kInvalidArgument, "cannot write {}: the video is {}x{}, WebP holds at most {} pixels a side.",
         clip.path, clip.width, clip.height, kMaxSide);
  }
  if (clip.options.quality < 1 || clip.options.quality > 100) {
    fail(ErrorCode::kInvalidArgument, "cannot write {}: quality is {}, expected 1 to 100.", clip.path,
         clip.options.quality);
  }
  check_fps(clip, "WebP", kMaxFps);
  return std::make_unique<WebP>(clip);
}

}  // namespace swan::video

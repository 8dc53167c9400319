// Frames of clips that somebody made, through libav; of folders of pictures without it.
#include <algorithm>
#include <cctype>
#include <climits>
#include <filesystem>
#include <fstream>
#include <utility>

#include "core/error.h"
#include "swan/video.h"
#include "video/libav.h"

namespace swan {

namespace video {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxSide = 16384;
// What is opened is told by content, and nothing that leads to other files or hosts, such as playlists, is.
constexpr const char* kContainers = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,gif,avi,mpeg,mpegts";
constexpr const char* kGive = "give an MP4, WebM or GIF, a picture, or a folder of pictures";

void check_reading(int result, const std::string& path, const char* doing) {
  if (result >= 0) return;
  if (result == AVERROR(ENOMEM)) throw std::bad_alloc();
  std::array<char, AV_ERROR_MAX_STRING_SIZE> reason{};
  (void)av().av_strerror(result, reason.data(), reason.size());
  fail(ErrorCode::kCorruptFile, "cannot read {}: libav cannot {}: {}; {}.", path, doing, reason.data(), kGive);
}

void need_libav(const std::string& path) {
  try {
    (void)load_libav(path);
  } catch (const Error& error) {
    fail(ErrorCode::kUnsupported,
         "cannot read {}: FFmpeg's libraries are needed and cannot be loaded (on Debian: apt-get install ffmpeg); "
         "install them, or give a folder of pictures. ({})",
         path, error.what());
  }
}

struct InputCloser {
  void operator()(AVFormatContext* context) const noexcept { av().avformat_close_input(&context); }
};
using Input = std::unique_ptr<AVFormatContext, InputCloser>;

// A file's frames, one after the other.
class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {
    Dictionary options;
    options.set("format_whitelist", kContainers);
    options.set("protocol_whitelist", "file");
    AVFormatContext* context = nullptr;  // freed by a call that fails
    check_reading(av().avformat_open_input(&context, ("file:" + path).c_str(), nullptr, &options.entries), path,
                  "open it");
    input_.reset(context);
    check_reading(av().avformat_find_stream_info(input_.get(), nullptr), path, "find its streams");
    const AVCodec* codec = nullptr;
    stream_ = av().av_find_best_stream(input_.get(), AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    if (stream_ < 0 || codec == nullptr)
      fail(ErrorCode::kUnsupported, "cannot read {}: it has no video that this machine's libav can decode; {}.", path,
           kGive);
    decoder_.reset(check_allocated(av().avcodec_alloc_context3(codec)));
    check_reading(av().avcodec_parameters_to_context(decoder_.get(), input_->streams[stream_]->codecpar), path,
                  "use its description");
    check_reading(av().avcodec_open2(decoder_.get(), codec, nullptr), path, "open its decoder");
    packet_.reset(check_allocated(av().av_packet_alloc()));
    frame_.reset(check_allocated(av().av_frame_alloc()));
  }

  // The next frame; false at the end.
  bool next(Image& out) {
    for (;;) {
      const int got = av().avcodec_receive_frame(decoder_.get(), frame_.get());
      if (got == AVERROR_EOF) return false;
      if (got == AVERROR(EAGAIN)) {
        feed();
        continue;
      }
      check_reading(got, path_, "decode a frame");
      out = convert(*frame_);
      av().av_frame_unref(frame_.get());
      return true;
    }
  }

 private:
  // Gives the decoder the next packet of its stream, or tells it that there is none.
  void feed() {
    for (;;) {
      const int got = av().av_read_frame(input_.get(), packet_.get());
      if (got == AVERROR_EOF) {
        check_reading(av().avcodec_send_packet(decoder_.get(), nullptr), path_, "decode a frame");
        return;
      }
      check_reading(got, path_, "read on");
      const bool wanted = packet_->stream_index == stream_;
      const int sent = wanted ? av().avcodec_send_packet(decoder_.get(), packet_.get()) : 0;
      av().av_packet_unref(packet_.get());
      check_reading(sent, path_, "decode a frame");
      if (wanted) return;
    }
  }

  // To RGB of the full range, from what the frame says that it is; one that does not say is taken for BT.601.
  Image convert(const AVFrame& frame) {
    const auto format = static_cast<AVPixelFormat>(frame.format);
    if (frame.width < 1 || frame.height < 1 || frame.width > kMaxSide || frame.height > kMaxSide)
      fail(ErrorCode::kUnsupported, "cannot read {}: its frames have {} x {} pixels; sides of 1 to {} are possible.",
           path_, frame.width, frame.height, kMaxSide);
    if (!converter_) {
      width_ = frame.width;
      height_ = frame.height;
      format_ = format;
      prepare(frame);
    } else if (frame.width != width_ || frame.height != height_ || format != format_) {
      fail(ErrorCode::kUnsupported, "cannot read {}: its frames change from {} x {} to {} x {} pixels; {}.", path_,
           width_, height_, frame.width, frame.height, kGive);
    }
    Image image{width_, height_, {}};
    image.rgb.resize(static_cast<size_t>(width_) * static_cast<size_t>(height_) * 3);
    uint8_t* const planes[4] = {image.rgb.data(), nullptr, nullptr, nullptr};
    const int strides[4] = {3 * width_, 0, 0, 0};
    check_reading(av().sws_scale(converter_.get(), frame.data, frame.linesize, 0, height_, planes, strides), path_,
                  "convert its colours");
    return image;
  }

  void prepare(const AVFrame& frame) {
    converter_.reset(check_allocated(av().sws_alloc_context()));
    const bool full = frame.color_range == AVCOL_RANGE_JPEG;
    const auto set = [&](const char* name, int64_t value) {
      check_reading(av().av_opt_set_int(converter_.get(), name, value, 0), path_, "prepare the colour conversion");
    };
    set("srcw", width_);
    set("srch", height_);
    set("src_format", format_);
    set("src_range", full ? 1 : 0);
    set("dstw", width_);
    set("dsth", height_);
    set("dst_format", AV_PIX_FMT_RGB24);
    set("dst_range", 1);
    set("sws_flags", SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_BITEXACT);
    check_reading(av().sws_init_context(converter_.get(), nullptr, nullptr), path_, "prepare the colour conversion");
    int space = SWS_CS_ITU601;
    if (frame.colorspace == AVCOL_SPC_BT709) space = SWS_CS_ITU709;
    if (frame.colorspace == AVCOL_SPC_BT2020_NCL || frame.colorspace == AVCOL_SPC_BT2020_CL) space = SWS_CS_BT2020;
    constexpr int kOne = 1 << 16;
    const int* coefficients = av().sws_getCoefficients(space);
    // Fails for formats that are RGB already, which need none.
    (void)av().sws_setColorspaceDetails(converter_.get(), coefficients, full ? 1 : 0, coefficients, 1, 0, kOne, kOne);
  }

  std::string path_;
  Input input_;
  LibavPointer<AVCodecContext> decoder_;
  LibavPointer<AVPacket> packet_;
  LibavPointer<AVFrame> frame_;
  LibavPointer<SwsContext> converter_;
  int stream_ = -1, width_ = 0, height_ = 0;
  AVPixelFormat format_ = AV_PIX_FMT_NONE;
};

bool is_picture_name(const fs::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(), [](unsigned char c) { return std::tolower(c); });
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg" || extension == ".webp";
}

std::vector<Image> read_folder(const std::string& path, int64_t max_frames) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error))
    if (is_picture_name(it->path())) names.push_back(it->path().string());
  if (error) fail(ErrorCode::kIo, "cannot read {}: {}; check the folder and its permissions.", path, error.message());
  if (names.empty())
    fail(ErrorCode::kNotFound, "cannot read {}: the folder holds no picture (.png, .jpg, .webp); {}.", path, kGive);
  std::ranges::sort(names);
  std::vector<Image> frames;
  for (const std::string& name : names) {
    if (static_cast<int64_t>(frames.size()) == max_frames) break;
    frames.push_back(read_image(name));
    if (frames.back().width != frames.front().width || frames.back().height != frames.front().height)
      fail(ErrorCode::kInvalidArgument,
           "cannot read {}: {} has {} x {} pixels, and the first picture {} x {}; frames of one size are needed.", path,
           name, frames.back().width, frames.back().height, frames.front().width, frames.front().height);
  }
  return frames;
}

// Whether a file begins as the pictures do that read_image reads.
bool is_picture(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string head(12, '\0');
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  return head.starts_with("\x89PNG") || head.starts_with("\xFF\xD8\xFF") ||
         (head.starts_with("RIFF") && head.ends_with("WEBP"));
}

}  // namespace
}  // namespace video

std::vector<Image> read_video(const std::string& path, int64_t max_frames) {
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    fail(ErrorCode::kNotFound, "cannot read {}: there is no such file or folder; check the path.", path);
  if (max_frames < 1)
    fail(ErrorCode::kInvalidArgument, "cannot read {}: {} frames were asked for; 1 is the least.", path, max_frames);
  if (std::filesystem::is_directory(path, error)) return video::read_folder(path, max_frames);
  if (video::is_picture(path)) return {read_image(path)};
  video::need_libav(path);
  const video::QuietLibav quiet;
  video::Reader reader(path);
  std::vector<Image> frames;
  Image frame;
  while (static_cast<int64_t>(frames.size()) < max_frames && reader.next(frame)) frames.push_back(std::move(frame));
  if (frames.empty())
    fail(ErrorCode::kCorruptFile, "cannot read {}: it holds no frame that can be decoded; {}.", path, video::kGive);
  return frames;
}

}  // namespace swan

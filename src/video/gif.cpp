#include "core/error.h"
#include "io/image_codecs.h"
#include "video/yuv_video.h"

namespace swan::video {
namespace {

constexpr const char* kEncoder = "gif";
constexpr int kTicks = 100;     // GIF counts time in 1/100 s
constexpr double kMaxFps = 50;  // browsers show delays below 2/100 s as 10/100 s

// Each frame with a palette of its own, made for it, and errors spread to the neighbours.
class Quantiser {
 public:
  explicit Quantiser(const Clip& clip) : path_(clip.path), filters_(load_libav_filter(clip.path)) {
    graph_.reset(check_allocated(filters_.avfilter_graph_alloc()));
    graph_->nb_threads = 1;
    const std::string source = fmt::format("video_size={}x{}:pix_fmt={}:time_base=1/{}:pixel_aspect=1/1", clip.width,
                                           clip.height, static_cast<int>(AV_PIX_FMT_RGB24), kTicks);
    check(filters_.avfilter_graph_create_filter(&source_, filters_.avfilter_get_by_name("buffer"), "in", source.c_str(),
                                                nullptr, graph_.get()));
    check(filters_.avfilter_graph_create_filter(&sink_, filters_.avfilter_get_by_name("buffersink"), "out", nullptr,
                                                nullptr, graph_.get()));
    AVFilterInOut* outputs = filters_.avfilter_inout_alloc();
    AVFilterInOut* inputs = filters_.avfilter_inout_alloc();
    if (outputs != nullptr && inputs != nullptr) {
      outputs->name = av().av_strdup("in");
      outputs->filter_ctx = source_;
      inputs->name = av().av_strdup("out");
      inputs->filter_ctx = sink_;
    }
    constexpr const char* kFilters =
        "[in]format=bgra,split[a][b];[a]palettegen=stats_mode=single:reserve_transparent=0[p];"
        "[b][p]paletteuse=new=1:dither=sierra2_4a[out]";
    const int parsed = filters_.avfilter_graph_parse_ptr(graph_.get(), kFilters, &inputs, &outputs, nullptr);
    filters_.avfilter_inout_free(&inputs);
    filters_.avfilter_inout_free(&outputs);
    check(parsed);
    check(filters_.avfilter_graph_config(graph_.get(), nullptr));
  }

  // A null frame ends the input.
  void push(AVFrame* frame) {
    check(filters_.av_buffersrc_add_frame_flags(source_, frame, AV_BUFFERSRC_FLAG_KEEP_REF | AV_BUFFERSRC_FLAG_PUSH));
  }
  // @return whether there was a frame to take
  bool pull(AVFrame* frame) {
    const int result = filters_.av_buffersink_get_frame(sink_, frame);
    if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return false;
    check(result);
    return true;
  }

 private:
  void check(int result) const { check_libav(result, path_, "choose a palette"); }

  std::string path_;
  const LibavFilter& filters_;
  LibavPointer<AVFilterGraph> graph_;
  AVFilterContext* source_ = nullptr;  // the graph's
  AVFilterContext* sink_ = nullptr;    // the graph's
};

// A comment extension: text in blocks of up to 255 bytes.
std::string comment_extension(const std::string& text) {
  constexpr size_t kMaxBlock = 255;
  std::string bytes = "\x21\xFE";
  for (size_t at = 0; at < text.size(); at += kMaxBlock) {
    const std::string block = text.substr(at, kMaxBlock);
    bytes += static_cast<char>(block.size());
    bytes += block;
  }
  return bytes + '\0';
}

class Gif final : public FrameSink {
 public:
  explicit Gif(const Clip& clip) : clip_(clip) {
    const QuietLibav quiet;
    quantiser_ = std::make_unique<Quantiser>(clip);
    rgb_ = new_frame(clip, AV_PIX_FMT_RGB24);
    indexed_.reset(check_allocated(av().av_frame_alloc()));
    Dictionary codec_options, container_options;
    container_options.set("loop", "0");  // for ever
    muxer_ = std::make_unique<Muxer>(clip.path,
                                     EncoderSettings{.encoder = kEncoder,
                                                     .container = "gif",
                                                     .format = AV_PIX_FMT_PAL8,
                                                     .width = clip.width,
                                                     .height = clip.height,
                                                     .time_base = {1, kTicks},
                                                     .frame_rate = {},
                                                     .comment = {}},
                                     codec_options, container_options);
  }

  Gif(const Gif&) = delete;
  Gif& operator=(const Gif&) = delete;
  ~Gif() override {
    const QuietLibav quiet;
    if (muxer_) muxer_->abandon();
  }

  void write(const Image& frame) override {
    const QuietLibav quiet;
    // The filters may still hold the last frame.
    check_libav(av().av_frame_make_writable(rgb_.get()), clip_.path, "hold a frame");
    copy_rgb(frame, *rgb_);
    rgb_->pts = frame_start(next_++, clip_.options.fps, kTicks);
    quantiser_->push(rgb_.get());
    encode_ready();
  }

  void finish() override {
    const QuietLibav quiet;
    quantiser_->push(nullptr);
    encode_ready();
    const double fps = clip_.options.fps;
    const int64_t last_delay = frame_start(next_, fps, kTicks) - frame_start(next_ - 1, fps, kTicks);
    check_libav(av().av_opt_set_int(muxer_->container_options(), "final_delay", last_delay, 0), clip_.path,
                "set the last frame's time");
    muxer_->finish();
    if (!clip_.metadata.empty()) {
      // libav writes no comment. This one takes the place of the file's last byte, the trailer.
      const std::string end = comment_extension(io::metadata_to_comment(clip_.metadata)) + ';';
      muxer_->file().write_at(static_cast<size_t>(muxer_->bytes() - 1), end.data(), end.size());
    }
    muxer_->commit();
  }

 private:
  void encode_ready() {
    while (quantiser_->pull(indexed_.get())) {
      muxer_->encode(indexed_.get());
      av().av_frame_unref(indexed_.get());
    }
  }

  const Clip clip_;
  std::unique_ptr<Quantiser> quantiser_;
  LibavPointer<AVFrame> rgb_, indexed_;
  std::unique_ptr<Muxer> muxer_;
  int64_t next_ = 0;
};

}  // namespace

void check_gif(const std::string& path) {
  (void)find_encoder(path, kEncoder);
  (void)load_libav_filter(path);
}

std::unique_ptr<FrameSink> open_gif(const Clip& clip) {
  check_fps(clip, "GIF", kMaxFps);
  check_gif(clip.path);
  return std::make_unique<Gif>(clip);
}

}  // namespace swan::video

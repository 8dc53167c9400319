#include "video/yuv_video.h"

#include <algorithm>

#include "core/error.h"
#include "io/image_codecs.h"

namespace swan::video {
namespace {

// Full-range RGB to BT.709 in its limited range. Chroma is the mean of its pixels, not one of them, and lies where
// H.264 and VP9 expect it: on the left column, between the rows.
LibavPointer<SwsContext> new_converter(const Clip& clip) {
  LibavPointer<SwsContext> converter(check_allocated(av().sws_alloc_context()));
  const auto set = [&](const char* name, int64_t value) {
    check_libav(av().av_opt_set_int(converter.get(), name, value, 0), clip.path, "prepare the colour conversion");
  };
  set("srcw", clip.width);
  set("srch", clip.height);
  set("src_format", AV_PIX_FMT_RGB24);
  set("src_range", 1);
  set("dstw", clip.width);
  set("dsth", clip.height);
  set("dst_format", AV_PIX_FMT_YUV420P);
  set("dst_range", 0);
  set("dst_h_chr_pos", 0);
  set("dst_v_chr_pos", 128);  // in 1/256 of a pixel
  set("sws_flags", SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP | SWS_BITEXACT);
  check_libav(av().sws_init_context(converter.get(), nullptr, nullptr), clip.path, "prepare the colour conversion");
  constexpr int kOne = 1 << 16;
  const int* bt709 = av().sws_getCoefficients(SWS_CS_ITU709);
  check_libav(av().sws_setColorspaceDetails(converter.get(), bt709, 1, bt709, 0, 0, kOne, kOne), clip.path,
              "prepare the colour conversion");
  return converter;
}

}  // namespace

LibavPointer<AVFrame> new_frame(const Clip& clip, AVPixelFormat format) {
  LibavPointer<AVFrame> frame(check_allocated(av().av_frame_alloc()));
  frame->width = clip.width;
  frame->height = clip.height;
  frame->format = format;
  frame->sample_aspect_ratio = {1, 1};
  check_libav(av().av_frame_get_buffer(frame.get(), 0), clip.path, "hold a frame");
  return frame;
}

void copy_rgb(const Image& image, AVFrame& frame) {
  const int64_t row_bytes = image.width * 3;
  for (int64_t y = 0; y < image.height; ++y)
    std::copy_n(image.rgb.data() + y * row_bytes, row_bytes, frame.data[0] + y * frame.linesize[0]);
}

int checked_crf(const Clip& clip, const char* format, int standard, int most) {
  const int crf = clip.options.crf.value_or(standard);
  if (crf < 1 || crf > most) {
    fail(ErrorCode::kInvalidArgument, "cannot write {}: crf is {}, expected 1 (best) to {} for {}.", clip.path, crf,
         most, format);
  }
  return crf;
}

YuvVideo::YuvVideo(const Clip& clip, const char* encoder, const char* container, Dictionary& codec_options,
                   Dictionary& container_options)
    : clip_(clip) {
  const QuietLibav quiet;
  constexpr int kMaxTerm = 1'001'000;  // holds 24000/1001 and its like
  const AVRational frame_rate = av().av_d2q(clip.options.fps, kMaxTerm);
  const EncoderSettings settings{.encoder = encoder,
                                 .container = container,
                                 .format = AV_PIX_FMT_YUV420P,
                                 .width = clip.width,
                                 .height = clip.height,
                                 .time_base = av_inv_q(frame_rate),
                                 .frame_rate = frame_rate,
                                 .comment = clip.metadata.empty() ? "" : io::metadata_to_comment(clip.metadata)};
  converter_ = new_converter(clip);
  rgb_ = new_frame(clip, AV_PIX_FMT_RGB24);
  yuv_ = new_frame(clip, AV_PIX_FMT_YUV420P);
  yuv_->color_primaries = AVCOL_PRI_BT709;
  yuv_->color_trc = AVCOL_TRC_BT709;
  yuv_->colorspace = AVCOL_SPC_BT709;
  yuv_->color_range = AVCOL_RANGE_MPEG;
  yuv_->chroma_location = AVCHROMA_LOC_LEFT;
  muxer_ = std::make_unique<Muxer>(clip.path, settings, codec_options, container_options);
}

void YuvVideo::write(const Image& frame) {
  const QuietLibav quiet;
  copy_rgb(frame, *rgb_);
  // The encoder may still hold the last frame.
  check_libav(av().av_frame_make_writable(yuv_.get()), clip_.path, "hold a frame");
  const int rows =
      av().sws_scale(converter_.get(), rgb_->data, rgb_->linesize, 0, clip_.height, yuv_->data, yuv_->linesize);
  check_libav(rows, clip_.path, "convert the colours");
  yuv_->pts = next_++;
  muxer_->encode(yuv_.get());
}

void YuvVideo::finish() {
  const QuietLibav quiet;
  muxer_->finish();
  muxer_->commit();
}

}  // namespace swan::video

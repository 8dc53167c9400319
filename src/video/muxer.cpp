#include "video/muxer.h"

#include <algorithm>
#include <cstdio>

#include "core/error.h"

namespace swan::video {
namespace {

AVFormatContext* new_format(const std::string& path, const char* container) {
  AVFormatContext* format = nullptr;
  check_libav(av().avformat_alloc_output_context2(&format, nullptr, container, nullptr), path, "open the container");
  return format;
}

void check_all_taken(const Dictionary& options, const std::string& path) {
  if (options.entries == nullptr) return;
  fail(ErrorCode::kUnsupported,
       "cannot write {}: libav does not know an option that Swan needs; install the version that Swan was built with "
       "(libavcodec {}).",
       path, LIBAVCODEC_VERSION_MAJOR);
}

}  // namespace

Muxer::Muxer(const std::string& path, const EncoderSettings& settings, Dictionary& codec_options,
             Dictionary& container_options)
    : path_(path), file_(path) {
  const AVCodec* encoder = find_encoder(path, settings.encoder);
  codec_.reset(check_allocated(av().avcodec_alloc_context3(encoder)));
  format_.reset(new_format(path, settings.container));
  packet_.reset(check_allocated(av().av_packet_alloc()));

  codec_->width = settings.width;
  codec_->height = settings.height;
  codec_->pix_fmt = settings.format;
  codec_->time_base = settings.time_base;
  codec_->framerate = settings.frame_rate;
  codec_->sample_aspect_ratio = {1, 1};
  codec_->thread_count = 1;                 // bits depend on how many there are, even for VP9 with row-mt
  codec_->flags |= AV_CODEC_FLAG_BITEXACT;  // no versions or dates in the file
  if (settings.format == AV_PIX_FMT_YUV420P) {
    codec_->color_primaries = AVCOL_PRI_BT709;
    codec_->color_trc = AVCOL_TRC_BT709;
    codec_->colorspace = AVCOL_SPC_BT709;
    codec_->color_range = AVCOL_RANGE_MPEG;
    codec_->chroma_sample_location = AVCHROMA_LOC_LEFT;
  }
  if ((format_->oformat->flags & AVFMT_GLOBALHEADER) != 0) codec_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  check(av().avcodec_open2(codec_.get(), encoder, &codec_options.entries), "open the encoder");
  check_all_taken(codec_options, path);

  stream_ = check_allocated(av().avformat_new_stream(format_.get(), nullptr));
  check(av().avcodec_parameters_from_context(stream_->codecpar, codec_.get()), "describe the video");
  stream_->time_base = codec_->time_base;
  stream_->avg_frame_rate = settings.frame_rate;
  stream_->sample_aspect_ratio = codec_->sample_aspect_ratio;
  format_->flags |= AVFMT_FLAG_BITEXACT | AVFMT_FLAG_CUSTOM_IO;
  // Only to read: MP4's index moves to the front at the end.
  format_->url = check_allocated(av().av_strdup(("file:" + file_.temporary()).c_str()));
  if (!settings.comment.empty() && av().av_dict_set(&format_->metadata, "comment", settings.comment.c_str(), 0) < 0)
    throw std::bad_alloc();

  constexpr int kBufferBytes = 1 << 16;
  auto* buffer = static_cast<uint8_t*>(check_allocated(av().av_malloc(kBufferBytes)));
  AVIOContext* io = av().avio_alloc_context(buffer, kBufferBytes, 1, this, nullptr, write_packet, seek);
  if (io == nullptr) av().av_free(buffer);
  io_.reset(check_allocated(io));
  format_->pb = io_.get();
  check(av().avformat_write_header(format_.get(), &container_options.entries), "begin the file");
  check_all_taken(container_options, path);
}

// Called by libav, which is C: no exception may pass.
int Muxer::write_packet(void* self, uint8_t* data, int bytes) {
  auto* muxer = static_cast<Muxer*>(self);
  if (muxer->abandoned_) return bytes;
  try {
    muxer->file_.write_at(static_cast<size_t>(muxer->position_), data, static_cast<size_t>(bytes));
  } catch (const std::exception&) {
    if (!muxer->refused_) muxer->refused_ = std::current_exception();
    return AVERROR(EIO);
  }
  muxer->position_ += bytes;
  muxer->bytes_ = std::max(muxer->bytes_, muxer->position_);
  return bytes;
}

int64_t Muxer::seek(void* self, int64_t offset, int whence) {
  auto* muxer = static_cast<Muxer*>(self);
  if ((whence & AVSEEK_SIZE) != 0) return muxer->bytes_;
  const int base = whence & ~AVSEEK_FORCE;
  if (base == SEEK_CUR) offset += muxer->position_;
  if (base == SEEK_END) offset += muxer->bytes_;
  if (offset < 0) return AVERROR(EINVAL);
  return muxer->position_ = offset;
}

void Muxer::check(int result, const char* doing) {
  if (refused_) std::rethrow_exception(refused_);
  check_libav(result, path_, doing);
}

void Muxer::encode(AVFrame* frame) {
  check(av().avcodec_send_frame(codec_.get(), frame), "encode a frame");
  while (true) {
    const int result = av().avcodec_receive_packet(codec_.get(), packet_.get());
    if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return;
    check(result, "encode a frame");
    packet_->stream_index = stream_->index;
    if (packet_->duration == 0 && stream_->codecpar->codec_id != AV_CODEC_ID_GIF) packet_->duration = 1;
    av().av_packet_rescale_ts(packet_.get(), codec_->time_base, stream_->time_base);
    check(av().av_interleaved_write_frame(format_.get(), packet_.get()), "write a frame");  // takes what packet_ holds
  }
}

void Muxer::finish() {
  encode(nullptr);
  ended_ = true;
  check(av().av_write_trailer(format_.get()), "end the file");
  av().avio_flush(io_.get());
  check(io_->error, "end the file");
}

void Muxer::abandon() noexcept {
  if (ended_) return;
  ended_ = abandoned_ = true;
  (void)av().av_write_trailer(format_.get());
}

void Muxer::commit() {
  file_.sync();
  file_.commit();
}

}  // namespace swan::video

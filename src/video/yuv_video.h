#pragma once

#include <memory>

#include "video/frame_sink.h"
#include "video/muxer.h"

namespace swan::video {

/// A file of yuv420p frames, BT.709 in its limited range.
class YuvVideo final : public FrameSink {
 public:
  /// @throws Error as Muxer
  YuvVideo(const Clip& clip, const char* encoder, const char* container, Dictionary& codec_options,
           Dictionary& container_options);
  void write(const Image& frame) override;
  void finish() override;

 private:
  const Clip clip_;
  LibavPointer<SwsContext> converter_;
  LibavPointer<AVFrame> rgb_, yuv_;
  std::unique_ptr<Muxer> muxer_;
  int64_t next_ = 0;
};

/// The clip's crf, or `standard`. @throws Error kInvalidArgument when it is not from 1 to `most`
[[nodiscard]] int checked_crf(const Clip& clip, const char* format, int standard, int most);

/// An empty picture. Its rows are padded: libav reads and writes whole vectors.
[[nodiscard]] LibavPointer<AVFrame> new_frame(const Clip& clip, AVPixelFormat format);
/// Copies a picture into a frame of AV_PIX_FMT_RGB24.
void copy_rgb(const Image& image, AVFrame& frame);

}  // namespace swan::video

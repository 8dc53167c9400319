#pragma once

#include <exception>
#include <string>

#include "io/system.h"
#include "video/libav.h"

namespace swan::video {

/// What an encoder is opened with.
struct EncoderSettings {
  const char* encoder;    ///< "libx264"
  const char* container;  ///< "mp4"
  AVPixelFormat format;   ///< of the frames
  int width = 0, height = 0;
  AVRational time_base{};   ///< of the frames' times, in seconds
  AVRational frame_rate{};  ///< frames a second
  std::string comment;      ///< the container's; none when empty
};

/// A file that libav encodes into, with one stream of pictures: a temporary file until commit().
/// A refused write surfaces from libav as a bare error, so the system's reason is kept aside and thrown in its place.
class Muxer {
 public:
  /// @param codec_options, container_options  libav's own, by name
  /// @throws Error kUnsupported without the encoder or libav; kIo; kInternal with libav's reason
  Muxer(const std::string& path, const EncoderSettings& settings, Dictionary& codec_options,
        Dictionary& container_options);
  Muxer(const Muxer&) = delete;
  Muxer& operator=(const Muxer&) = delete;
  ~Muxer() = default;

  /// Encodes a frame with its time in time_base units. @throws Error kIo, kInternal
  void encode(AVFrame* frame);
  /// Writes what the encoder still holds and the container's end. @throws Error kIo, kInternal
  void finish();
  /// Gives the file its name. @throws Error kIo
  void commit();
  /// Lets libav end the file without writing it, unless finish() was called: its GIF muxer frees the last frame only
  /// then.
  void abandon() noexcept;

  /// For options that are set while it runs.
  [[nodiscard]] void* container_options() const { return format_->priv_data; }
  /// For what libav does not write.
  [[nodiscard]] io::AtomicFile& file() { return file_; }
  [[nodiscard]] int64_t bytes() const { return bytes_; }

 private:
  static int write_packet(void* self, uint8_t* data, int bytes);
  static int64_t seek(void* self, int64_t offset, int whence);
  void check(int result, const char* doing);

  std::string path_;
  io::AtomicFile file_;
  int64_t position_ = 0, bytes_ = 0;
  std::exception_ptr refused_;
  bool ended_ = false, abandoned_ = false;
  LibavPointer<AVCodecContext> codec_;
  LibavPointer<AVIOContext> io_;  // outlives the format, which points to it
  LibavPointer<AVFormatContext> format_;
  LibavPointer<AVPacket> packet_;
  AVStream* stream_ = nullptr;
};

}  // namespace swan::video

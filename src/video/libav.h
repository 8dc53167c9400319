#pragma once

// libav's headers are C, and not made for our warnings.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
extern "C" {
#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
}
#pragma GCC diagnostic pop

#include <memory>
#include <string>

// libav is loaded when the first video is written or read. Linked, it would bring 130 libraries into every start of
// every program that uses Swan: 70 ms and 20 MB. It also may be absent; WebP and PNG frames do without.
namespace swan::video {

// clang-format off
#define SWAN_AVUTIL_FUNCTIONS(X) \
  X(av_buffer_unref) X(av_d2q) X(av_dict_free) X(av_dict_set) X(av_frame_alloc) X(av_frame_free) \
  X(av_frame_get_buffer) X(av_frame_make_writable) X(av_frame_unref) X(av_free) X(av_freep) X(av_log_get_level) \
  X(av_log_set_level) X(av_malloc) X(av_opt_set_int) X(av_strdup) X(av_strerror)
#define SWAN_AVCODEC_FUNCTIONS(X) \
  X(av_packet_alloc) X(av_packet_free) X(av_packet_rescale_ts) X(avcodec_alloc_context3) \
  X(avcodec_find_encoder_by_name) X(avcodec_free_context) X(avcodec_open2) X(avcodec_parameters_from_context) \
  X(avcodec_receive_packet) X(avcodec_send_frame) X(av_packet_unref) X(avcodec_parameters_to_context) \
  X(avcodec_receive_frame) X(avcodec_send_packet)
#define SWAN_AVFORMAT_FUNCTIONS(X) \
  X(av_guess_format) X(av_interleaved_write_frame) X(av_write_trailer) X(avformat_alloc_output_context2) \
  X(avformat_free_context) X(avformat_new_stream) X(avformat_write_header) X(avio_alloc_context) \
  X(avio_context_free) X(avio_flush) X(av_find_best_stream) X(av_read_frame) X(avformat_close_input) \
  X(avformat_find_stream_info) X(avformat_open_input)
#define SWAN_SWSCALE_FUNCTIONS(X) \
  X(sws_alloc_context) X(sws_freeContext) X(sws_getCoefficients) X(sws_init_context) X(sws_scale) \
  X(sws_setColorspaceDetails)
#define SWAN_AVFILTER_FUNCTIONS(X) \
  X(av_buffersink_get_frame) X(av_buffersrc_add_frame_flags) X(avfilter_get_by_name) X(avfilter_graph_alloc) \
  X(avfilter_graph_config) X(avfilter_graph_create_filter) X(avfilter_graph_free) X(avfilter_graph_parse_ptr) \
  X(avfilter_inout_alloc) X(avfilter_inout_free)
// clang-format on

/// The functions of libav that Swan calls, under their own names.
struct Libav {
#define SWAN_DECLARE(name) decltype(&::name) name = nullptr;
  SWAN_AVUTIL_FUNCTIONS(SWAN_DECLARE)
  SWAN_AVCODEC_FUNCTIONS(SWAN_DECLARE)
  SWAN_AVFORMAT_FUNCTIONS(SWAN_DECLARE)
  SWAN_SWSCALE_FUNCTIONS(SWAN_DECLARE)
};

/// Those of libavfilter, which only GIF needs.
struct LibavFilter {
  SWAN_AVFILTER_FUNCTIONS(SWAN_DECLARE)
#undef SWAN_DECLARE
};

/// Loads the libraries at the first call. @param path  for messages only
/// @throws Error kUnsupported naming the library that is not there, and what to do
[[nodiscard]] const Libav& load_libav(const std::string& path);
[[nodiscard]] const LibavFilter& load_libav_filter(const std::string& path);
/// Those that load_libav has loaded.
[[nodiscard]] const Libav& av();

/// Opens a shared library for good. @throws Error kUnsupported
[[nodiscard]] void* load_library(const std::string& path, const std::string& name);
/// An encoder of libavcodec. @throws Error kUnsupported naming the formats that need none
[[nodiscard]] const AVCodec* find_encoder(const std::string& path, const char* name);

/// Fails when a call to libav did. @param doing  "encode a frame with libx264"
/// @throws Error kInternal with libav's reason; std::bad_alloc
void check_libav(int result, const std::string& path, const char* doing);
template <typename T>
T* check_allocated(T* pointer) {
  if (pointer == nullptr) throw std::bad_alloc();
  return pointer;
}

/// Keeps libav silent while it lives; libraries do not print. libav has one level for the process, so it is put back.
class QuietLibav {
 public:
  QuietLibav();
  ~QuietLibav();
  QuietLibav(const QuietLibav&) = delete;
  QuietLibav& operator=(const QuietLibav&) = delete;
};

/// Encoders may print when they are closed, too.
struct LibavDeleter {
  void operator()(AVCodecContext* context) const noexcept;
  void operator()(AVFilterGraph* graph) const noexcept;
  void operator()(AVFormatContext* context) const noexcept;
  void operator()(AVFrame* frame) const noexcept;
  void operator()(AVIOContext* io) const noexcept;
  void operator()(AVPacket* packet) const noexcept;
  void operator()(SwsContext* context) const noexcept;
};
template <typename T>
using LibavPointer = std::unique_ptr<T, LibavDeleter>;

/// Options for an object that takes them by name.
class Dictionary {
 public:
  Dictionary() = default;
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;
  ~Dictionary() { av().av_dict_free(&entries); }
  void set(const char* key, const std::string& value) {
    if (av().av_dict_set(&entries, key, value.c_str(), 0) < 0) throw std::bad_alloc();
  }

  AVDictionary* entries = nullptr;
};

}  // namespace swan::video

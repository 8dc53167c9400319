#include "video/libav.h"

#include <dlfcn.h>

#include <array>
#include <mutex>
#include <new>

#include "core/error.h"

namespace swan::video {
namespace {

template <typename Function>
void load_function(const std::string& path, void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  if (function == nullptr) {
    fail(ErrorCode::kUnsupported,
         "cannot write {}: the libav of this machine has no function {}; install the version that Swan was built with "
         "(libavcodec {}).",
         path, name, LIBAVCODEC_VERSION_MAJOR);
  }
}

// The version is that of the headers, whose structs the code uses.
std::string file_name(const char* library, int major) { return fmt::format("lib{}.so.{}", library, major); }

Libav load_all(const std::string& path) {
  void* util = load_library(path, file_name("avutil", LIBAVUTIL_VERSION_MAJOR));
  void* codec = load_library(path, file_name("avcodec", LIBAVCODEC_VERSION_MAJOR));
  void* format = load_library(path, file_name("avformat", LIBAVFORMAT_VERSION_MAJOR));
  void* scale = load_library(path, file_name("swscale", LIBSWSCALE_VERSION_MAJOR));
  Libav api;
  void* library = util;
#define SWAN_LOAD(name) load_function(path, library, #name, api.name);
  SWAN_AVUTIL_FUNCTIONS(SWAN_LOAD)
  library = codec;
  SWAN_AVCODEC_FUNCTIONS(SWAN_LOAD)
  library = format;
  SWAN_AVFORMAT_FUNCTIONS(SWAN_LOAD)
  library = scale;
  SWAN_SWSCALE_FUNCTIONS(SWAN_LOAD)
  return api;
}

LibavFilter load_filter(const std::string& path) {
  void* library = load_library(path, file_name("avfilter", LIBAVFILTER_VERSION_MAJOR));
  LibavFilter api;
  SWAN_AVFILTER_FUNCTIONS(SWAN_LOAD)
#undef SWAN_LOAD
  return api;
}

std::mutex quiet_mutex;
int quiet_count = 0;
int loud_level = 0;

}  // namespace

void* load_library(const std::string& path, const std::string& name) {
  void* library = ::dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = ::dlerror();
    fail(
        ErrorCode::kUnsupported,
        "cannot write {}: the library {} cannot be loaded ({}); install FFmpeg's libraries (on Debian: apt-get install "
        "ffmpeg), or write .webp or a folder of PNG frames.",
        path, name, reason != nullptr ? reason : "no reason given");
  }
  return library;
}

const Libav& load_libav(const std::string& path) {
  static const Libav api = load_all(path);
  return api;
}

const LibavFilter& load_libav_filter(const std::string& path) {
  static const LibavFilter api = load_filter(path);
  return api;
}

const Libav& av() { return load_libav("a video"); }

const AVCodec* find_encoder(const std::string& path, const char* name) {
  const AVCodec* codec = load_libav(path).avcodec_find_encoder_by_name(name);
  if (codec == nullptr) {
    const std::string_view wanted = name;
    fail(ErrorCode::kUnsupported,
         "cannot write {}: the libavcodec of this machine has no encoder {}. Write {}.webp or a folder of PNG frames, "
         "or install a libavcodec that has it.",
         path, name, wanted == "libvpx-vp9" ? ".mp4, " : ".webm (VP9), ");
  }
  return codec;
}

void check_libav(int result, const std::string& path, const char* doing) {
  if (result >= 0) return;
  if (result == AVERROR(ENOMEM)) throw std::bad_alloc();
  std::array<char, AV_ERROR_MAX_STRING_SIZE> reason{};
  (void)av().av_strerror(result, reason.data(), reason.size());
  fail(ErrorCode::kInternal, "cannot write {}: libav cannot {}: {}.", path, doing, reason.data());
}

QuietLibav::QuietLibav() {
  const std::scoped_lock lock(quiet_mutex);
  if (quiet_count++ > 0) return;
  loud_level = av().av_log_get_level();
  av().av_log_set_level(AV_LOG_QUIET);
}

QuietLibav::~QuietLibav() {
  const std::scoped_lock lock(quiet_mutex);
  if (--quiet_count == 0) av().av_log_set_level(loud_level);
}

void LibavDeleter::operator()(AVCodecContext* context) const noexcept {
  const QuietLibav quiet;
  av().avcodec_free_context(&context);
}

void LibavDeleter::operator()(AVFilterGraph* graph) const noexcept {
  const QuietLibav quiet;
  load_libav_filter("a video").avfilter_graph_free(&graph);
}

void LibavDeleter::operator()(AVFormatContext* context) const noexcept {
  const QuietLibav quiet;
  av().avformat_free_context(context);
}

void LibavDeleter::operator()(AVFrame* frame) const noexcept { av().av_frame_free(&frame); }

void LibavDeleter::operator()(AVIOContext* io) const noexcept {
  av().av_freep(&io->buffer);
  av().avio_context_free(&io);
}

void LibavDeleter::operator()(AVPacket* packet) const noexcept { av().av_packet_free(&packet); }
void LibavDeleter::operator()(SwsContext* context) const noexcept { av().sws_freeContext(context); }

}  // namespace swan::video

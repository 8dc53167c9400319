// The web page: "/" and the files beside it, from the program itself

#include <fmt/format.h>

#include <string>

#include "server/embedded.h"
#include "server/http/range.h"
#include "server/services.h"

namespace swan::server {

namespace {

constexpr std::string_view kFolder = "page/";
constexpr std::string_view kIndex = "page/index.html";

std::string content_type(std::string_view name) {
  struct Type {
    std::string_view ending, type;
  };
  for (const Type& type :
       {Type{".html", "text/html; charset=utf-8"}, Type{".css", "text/css; charset=utf-8"},
        Type{".js", "text/javascript; charset=utf-8"}, Type{".svg", "image/svg+xml"}, Type{".png", "image/png"},
        Type{".json", "application/json"}, Type{".webmanifest", "application/manifest+json"}}) {
    if (name.ends_with(type.ending)) return std::string(type.type);
  }
  return "application/octet-stream";
}

// Scripts, styles and data from this server alone; nothing inline, no frames around it.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

// A version of a file, told by its bytes (FNV-1a): browsers ask each time, and are sent what is new alone.
std::string etag_of(std::string_view bytes) {
  uint64_t hash = 14695981039346656037U;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211U;
  return fmt::format("\"{:016x}\"", hash);
}

}  // namespace

void add_page_routes(Router& router) {
  bool has_index = false;
  for (const EmbeddedFile& file : embedded_files()) {
    if (!file.name.starts_with(kFolder)) continue;
    has_index = has_index || file.name == kIndex;
    const std::string path = file.name == kIndex ? "/" : "/" + std::string(file.name);
    router.add("GET", path, Access::kOpen,
               [file, etag = etag_of(file.bytes)](const Request& request, const PathValues&) {
                 Response response;
                 response.with("ETag", etag).with("Content-Security-Policy", kPolicy).with("Cache-Control", "no-cache");
                 if (const std::string* known = request.header("if-none-match");
                     known != nullptr && names_etag(*known, etag)) {
                   response.status = 304;
                   return response;
                 }
                 response.body = file.bytes;
                 response.with("Content-Type", content_type(file.name));
                 return response;
               });
  }
  if (!has_index) {
    router.add("GET", "/", Access::kOpen, [](const Request&, const PathValues&) {
      Response response = {.status = 302};
      response.with("Location", "/openapi.json");
      return response;
    });
  }
}

}  // namespace swan::server

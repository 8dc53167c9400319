// The web page: "/" and the files beside it, from the program itself

#include <string>

#include "server/embedded.h"
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

}  // namespace

void add_page_routes(Router& router) {
  bool has_index = false;
  for (const EmbeddedFile& file : embedded_files()) {
    if (!file.name.starts_with(kFolder)) continue;
    has_index = has_index || file.name == kIndex;
    const std::string path = file.name == kIndex ? "/" : "/" + std::string(file.name);
    router.add("GET", path, Access::kOpen, [file](const Request&, const PathValues&) {
      Response response = {.body = std::string(file.bytes)};
      response.with("Content-Type", content_type(file.name))
          .with("Content-Security-Policy", kPolicy)
          .with("Cache-Control", "no-cache");
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

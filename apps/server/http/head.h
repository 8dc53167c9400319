#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "server/http/request.h"

namespace swan::server {

/// Of one request, before anything is known of who sent it.
struct HeadLimits {
  size_t bytes = 16384;  ///< request line and headers together
  size_t target = 2048;  ///< path and query
  size_t fields = 64;    ///< headers
};

/// Why a request is refused that cannot even be routed.
struct HeadError {
  int status = 400;
  std::string message;
  std::string path = {};  ///< as far as it is known
};

/// Where the head ends that `bytes` begin with, past its blank line; npos while it has not all come.
[[nodiscard]] size_t head_end(std::string_view bytes) noexcept;

/// Reads a request line and headers (RFC 9112), up to and with the blank line. Strict, so that no proxy before us can
/// see another request than we do: lines end in CRLF; names are tokens with the colon right behind; no folded lines, no
/// control characters, no two lengths; one Host in HTTP/1.1. Bodies must come with a Content-Length: a
/// Transfer-Encoding is refused (411), which RFC 9112 6.3 allows. Content-Encoding is refused (415): nothing is
/// unpacked.
[[nodiscard]] std::variant<Request, HeadError> parse_head(std::string_view head, const HeadLimits& limits = {});

}  // namespace swan::server

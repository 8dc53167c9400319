#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "server/http/request.h"
#include "server/http/response.h"

namespace swan::server {

/// Why a request is refused that cannot even be routed.
struct HeadError {
  int status = 400;
  std::string message;
};

/// What answers requests. Called on the connections' threads, several at once.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  /// Looks at the head of a request; an answer ends it before its body is read.
  [[nodiscard]] virtual std::optional<Response> before_body(Request& request) = 0;
  [[nodiscard]] virtual Response handle(const Request& request) = 0;
  /// An answer to what is no request: a status from 400 and why.
  /// @param request  null where the head could not be read
  [[nodiscard]] virtual Response refuse(const HeadError& error, const Request* request) = 0;
  /// Once it has been sent, or could not be. @param request  null where the head could not be read
  virtual void finished(const Request* request, const Response& response, uint64_t bytes, double seconds) = 0;
};

}  // namespace swan::server

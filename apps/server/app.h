#pragma once

#include <optional>
#include <string>

#include "server/auth.h"
#include "server/http/server.h"
#include "server/services.h"

namespace swan::server {

/// What stands between HTTP and the routes: request ids, the Host and Origin checks, API keys, CORS, headers for
/// security, errors in each API's shape, the log and the counts.
class App final : public HttpHandler {
 public:
  App(const ServerSettings& settings, Services& services, Log& log);

  std::optional<Response> before_body(Request& request) override;
  Response handle(const Request& request) override;
  Response refuse(const HeadError& error, const Request* request) override;
  void finished(const Request* request, const Response& response, uint64_t bytes, double seconds) override;

 private:
  [[nodiscard]] std::optional<Response> check(Request& request);
  void check_host(const Request& request) const;
  void check_origin(const Request& request) const;
  void authenticate(Request& request, const RouteMatch& match);
  [[nodiscard]] bool origin_allowed(const std::string& origin) const;
  [[nodiscard]] Response preflight(const Request& request, const RouteMatch& match) const;
  /// Headers that every answer has.
  [[nodiscard]] Response finish(const Request* request, Response response) const;

  const ServerSettings& settings_;
  Services& services_;
  Log& log_;
  Router router_;
  Authenticator keys_;
  RateLimit wrong_keys_;
};

/// An error as a client of this path expects it.
[[nodiscard]] Response error_response(const std::string& path, int status, const std::string& code,
                                      const std::string& message, const std::string& parameter = "");

}  // namespace swan::server

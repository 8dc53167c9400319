#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "server/http/handler.h"
#include "server/http/limits.h"

namespace swan::server {

/// HTTP/1.1 by Boost.Beast. A thread for each connection, since handlers wait for the engine anyway; their number, and
/// the time and bytes that each may take, are bounded. One more thread runs Asio's operations.
class HttpServer {
 public:
  HttpServer(HttpHandler& handler, HttpLimits limits);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Binds; start() then accepts. @param host  a numeric address or a name; @param port  0: one that is free
  /// @return the port. @throws Error kIo naming address and reason
  int listen(const std::string& host, int port);
  void start();
  /// Accepts nothing more, ends idle connections, and waits for answers on their way, at most so long; what is left
  /// then is cut. Handlers must have been told to end.
  void stop(std::chrono::milliseconds patience);

  [[nodiscard]] int connections() const noexcept;

 private:
  class Sessions;

  std::unique_ptr<Sessions> sessions_;
};

}  // namespace swan::server

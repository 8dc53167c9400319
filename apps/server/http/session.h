#pragma once

#include <atomic>

#include "server/http/connection.h"
#include "server/http/handler.h"
#include "server/http/head.h"
#include "server/http/limits.h"

namespace swan::server {

/// What a server's sessions share.
struct SessionContext {
  HttpHandler& handler;
  const HttpLimits limits;
  std::atomic<bool> stopping{false};  ///< nothing new is begun
  std::atomic<bool> cut{false};       ///< and what is left is not waited for
};

/// The requests and answers on one connection, one after the other, on the connection's thread.
class Session {
 public:
  Session(SessionContext& context, asio::ip::tcp::socket socket, std::string address)
      : context_(context), connection_(std::move(socket), std::move(address)) {}

  /// Until the connection is over.
  void run() noexcept;
  /// Ends the connection if no request has begun. May be called by any thread, once `stopping` is set.
  void end_if_idle() noexcept;
  void shut_down() noexcept { connection_.shut_down(); }
  [[nodiscard]] const std::string& address() const noexcept { return connection_.address(); }

 private:
  [[nodiscard]] bool wait_for_request();
  [[nodiscard]] bool serve_one();
  [[nodiscard]] bool answer_early(const RequestParser& parser, const Request& request, const Response& response);
  [[nodiscard]] beast::error_code read_body(RequestParser& parser, const Request& request);
  [[nodiscard]] bool refuse(const beast::error_code& error, const char* late, const Request* request);
  [[nodiscard]] bool refuse(const HeadError& error, const Request* request);
  [[nodiscard]] bool answer(const Request* request, const Response& response, bool keep_alive);

  SessionContext& context_;
  Connection connection_;
  std::atomic<bool> idle_{true};  // between requests
  Clock::time_point began_;       // the request
};

}  // namespace swan::server

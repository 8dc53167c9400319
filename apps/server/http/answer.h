#pragma once

#include <atomic>
#include <boost/beast/http/message.hpp>

#include "server/http/connection.h"
#include "server/http/response.h"

namespace swan::server {

/// What became of an answer.
struct Sent {
  bool whole = false;  ///< the client has got all of it, as far as its system says
  uint64_t bytes = 0;  ///< of the body
};

/// A response as HTTP/1.1, to one request or to what was none.
class Answer {
 public:
  /// @param request  null where it could not be read; it and the response must outlive the answer
  /// @param keep_alive  whether the connection may stay
  Answer(const Request* request, const Response& response, bool keep_alive);

  /// Whether another request may follow: not after a stream to HTTP/1.0, whose end is the connection's.
  [[nodiscard]] bool keeps() const noexcept { return keep_; }
  /// @param patience  for a body or an event; bodies get a second more for each 16 KiB @param cut  ends a stream
  [[nodiscard]] Sent send(Connection& connection, std::chrono::milliseconds patience,
                          const std::atomic<bool>& cut) const;
  /// Head and body as they are sent; not of files and streams.
  [[nodiscard]] std::string text() const;

 private:
  [[nodiscard]] boost::beast::http::response_header<> head() const;
  [[nodiscard]] Sent send_text(Connection& connection, Clock::time_point deadline) const;
  [[nodiscard]] Sent send_file(Connection& connection, Clock::time_point deadline) const;
  [[nodiscard]] Sent send_stream(Connection& connection, std::chrono::milliseconds patience,
                                 const std::atomic<bool>& cut) const;
  [[nodiscard]] uint64_t length() const noexcept;

  const Response& response_;
  const bool head_only_;
  const bool chunked_;
  const bool keep_;
};

}  // namespace swan::server

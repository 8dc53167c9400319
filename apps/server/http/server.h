#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "server/http/head.h"
#include "server/http/response.h"
#include "server/http/socket.h"

namespace swan::server {

/// What one client can cost at most.
struct HttpLimits {
  HeadLimits head = {};
  size_t body_bytes = size_t{1} << 20;
  int connections = 256;                         ///< at a time; each has a thread
  int connections_of_one_address = 128;          ///< other than loopback's, where a proxy may stand for many
  std::chrono::milliseconds head_time{10'000};   ///< for a whole head, from its first byte
  std::chrono::milliseconds body_time{30'000};   ///< for a whole body
  std::chrono::milliseconds idle_time{20'000};   ///< between requests
  std::chrono::milliseconds write_time{20'000};  ///< for an answer or an event; files get a second more for each 16 KiB
};

/// What answers requests. Called on the connections' threads, several at once.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  /// Looks at the head of a request; an answer ends it before its body is read.
  [[nodiscard]] virtual std::optional<Response> before_body(Request& request) = 0;
  [[nodiscard]] virtual Response handle(const Request& request) = 0;
  /// An answer to what is no request: a status from 400 and why.
  [[nodiscard]] virtual Response refuse(const HeadError& error) = 0;
  /// Once it has been sent, or could not be. @param request  null for what refuse() answered
  virtual void finished(const Request* request, const Response& response, uint64_t bytes, double seconds) = 0;
};

/// HTTP/1.1 on sockets. A thread for each connection, since handlers wait for the engine anyway; their number, and the
/// time and bytes that each may take, are bounded. (cpp-httplib 0.11, Debian 12's, was tried first: it bounds neither
/// bodies in chunks nor the number of headers nor the time of a request, trusts select() with descriptors above 1023,
/// and brings OpenSSL and Brotli into every start of `swan`, which takes 6 ms more with them.)
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

  [[nodiscard]] int connections() const noexcept { return open_; }

 private:
  struct Connection;

  void accept_loop();
  void take(int descriptor, const std::string& address);
  void serve(Connection& connection);
  [[nodiscard]] bool serve_one(Connection& connection, std::string& buffer);
  [[nodiscard]] bool read_body(Connection& connection, Request& request, std::string& buffer, size_t head_size);
  [[nodiscard]] bool answer(Connection& connection, const Request* request, const Response& response, bool keep_alive,
                            Clock::time_point began);
  void reap();

  HttpHandler& handler_;
  const HttpLimits limits_;
  int listener_ = -1;
  int wake_[2] = {-1, -1};
  std::thread acceptor_;
  std::atomic<bool> stopping_{false};  // nothing new is begun
  std::atomic<bool> cut_{false};       // and what is left is not waited for
  std::atomic<int> open_{0};

  std::mutex mutex_;
  std::condition_variable ended_;
  std::list<std::unique_ptr<Connection>> connections_;
  std::map<std::string, int> of_address_;
};

}  // namespace swan::server

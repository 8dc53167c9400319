#include "server/http/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "swan/error.h"

namespace swan::server {

struct HttpServer::Connection {
  Connection(int descriptor, std::string peer) : socket(descriptor), address(std::move(peer)) {}
  Socket socket;
  std::string address;
  std::thread thread;
  bool idle = true;    // between requests; under the server's mutex, as is the next
  bool ended = false;  // its thread has nothing left to do
};

namespace {

std::string numeric_address(const sockaddr* address, socklen_t size) {
  std::array<char, NI_MAXHOST> host{};
  if (getnameinfo(address, size, host.data(), host.size(), nullptr, 0, NI_NUMERICHOST) != 0) return "unknown";
  std::string text = host.data();
  constexpr std::string_view kMapped = "::ffff:";  // an IPv4 peer on an IPv6 socket
  return text.starts_with(kMapped) ? text.substr(kMapped.size()) : text;
}

// "Mon, 30 Nov 2026 16:00:00 GMT"
std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts = {};
  gmtime_r(&now, &parts);
  static constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[static_cast<size_t>(parts.tm_wday)], parts.tm_mday,
                     kMonths[static_cast<size_t>(parts.tm_mon)], parts.tm_year + 1900, parts.tm_hour, parts.tm_min,
                     parts.tm_sec);
}

bool has_body(int status) noexcept { return status >= 200 && status != 204 && status != 304; }

// Events in HTTP/1.1's chunks, or for HTTP/1.0 until the connection ends.
class ChunkWriter final : public StreamWriter {
 public:
  ChunkWriter(Socket& socket, bool chunked, std::chrono::milliseconds patience, const std::atomic<bool>& cut)
      : socket_(socket), chunked_(chunked), patience_(patience), cut_(cut) {}
  bool write(std::string_view bytes) override {
    if (bytes.empty()) return true;
    failed_ = failed_ || cut_ || !send(bytes);
    bytes_ += bytes.size();
    return !failed_;
  }
  bool gone() override { return failed_ || cut_ || socket_.gone(); }
  // The end of the stream. False: the client does not know that it is one.
  bool finish() { return !failed_ && (!chunked_ || socket_.write("0\r\n\r\n", Clock::now() + patience_)); }
  uint64_t bytes() const { return bytes_; }

 private:
  bool send(std::string_view bytes) {
    const auto deadline = Clock::now() + patience_;
    if (!chunked_) return socket_.write(bytes, deadline);
    return socket_.write(fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes), deadline);
  }
  Socket& socket_;
  const bool chunked_;
  const std::chrono::milliseconds patience_;
  const std::atomic<bool>& cut_;
  bool failed_ = false;
  uint64_t bytes_ = 0;
};

}  // namespace

HttpServer::HttpServer(HttpHandler& handler, HttpLimits limits) : handler_(handler), limits_(limits) {}

HttpServer::~HttpServer() {
  stop(std::chrono::milliseconds(0));
  for (const int descriptor : {listener_, wake_[0], wake_[1]}) {
    if (descriptor >= 0) close(descriptor);
  }
}

int HttpServer::listen(const std::string& host, int port) {
  const auto failed = [&](const char* what, const char* reason) {
    return Error(ErrorCode::kIo, fmt::format("cannot serve on {} port {}: {}: {}; choose another --host or --port",
                                             host, port, what, reason));
  };
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) throw failed("its address", gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);

  const int one = 1;
  listener_ = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener_ < 0) throw failed("socket", std::strerror(errno));
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener_, found->ai_addr, found->ai_addrlen) != 0) throw failed("bind", std::strerror(errno));
  if (::listen(listener_, 128) != 0) throw failed("listen", std::strerror(errno));
  if (pipe2(wake_, O_CLOEXEC | O_NONBLOCK) != 0) throw failed("pipe", std::strerror(errno));

  sockaddr_storage bound = {};
  socklen_t size = sizeof bound;
  if (getsockname(listener_, reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    throw failed("getsockname", std::strerror(errno));
  }
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&bound)->sin6_port
                                           : reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
}

void HttpServer::start() {
  acceptor_ = std::thread([this] { accept_loop(); });
}

void HttpServer::accept_loop() {
  while (!stopping_) {
    std::array<pollfd, 2> entries = {pollfd{.fd = listener_, .events = POLLIN, .revents = 0},
                                     pollfd{.fd = wake_[0], .events = POLLIN, .revents = 0}};
    if (poll(entries.data(), entries.size(), 1000) > 0 && !stopping_) {
      sockaddr_storage peer = {};
      socklen_t size = sizeof peer;
      const int descriptor =
          accept4(listener_, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (descriptor >= 0) {
        take(descriptor, numeric_address(reinterpret_cast<const sockaddr*>(&peer), size));
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));  // until connections end; polling again spins
      }
    }
    reap();
  }
}

void HttpServer::take(int descriptor, const std::string& address) {
  const int one = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  auto connection = std::make_unique<Connection>(descriptor, address);
  const bool loopback = address.starts_with("127.") || address == "::1";
  const std::lock_guard lock(mutex_);
  int& of_address = of_address_[address];
  if (open_ >= limits_.connections || (!loopback && of_address >= limits_.connections_of_one_address)) {
    if (of_address == 0) of_address_.erase(address);
    // Sent into the empty buffer of a new socket, so that nothing here waits for a stranger.
    const Response refusal = handler_.refuse({503, "too many connections are open; try again"});
    static_cast<void>(connection->socket.write(
        fmt::format("HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {}\r\n"
                    "Retry-After: 1\r\nConnection: close\r\n\r\n{}",
                    refusal.body.size(), refusal.body),
        Clock::now()));
    return;
  }
  Connection& taken = *connections_.emplace_back(std::move(connection));
  try {
    taken.thread = std::thread([this, &taken] { serve(taken); });
  } catch (const std::system_error&) {  // no thread to be had; the client sees its connection end
    if (of_address == 0) of_address_.erase(address);
    connections_.pop_back();
    return;
  }
  ++of_address;
  ++open_;
}

// Joins the threads that have ended.
void HttpServer::reap() {
  std::list<std::unique_ptr<Connection>> ended;
  {
    const std::lock_guard lock(mutex_);
    for (auto it = connections_.begin(); it != connections_.end();) {
      const auto next = std::next(it);
      if ((*it)->ended) ended.splice(ended.end(), connections_, it);
      it = next;
    }
  }
  for (const auto& connection : ended) connection->thread.join();
}

void HttpServer::serve(Connection& connection) {
  try {
    std::string buffer;
    while (serve_one(connection, buffer)) {
    }
  } catch (const std::exception&) {  // out of memory; the connection is all that is lost
  }
  connection.socket.shut_down();
  const std::lock_guard lock(mutex_);
  const auto of_address = of_address_.find(connection.address);
  if (of_address != of_address_.end() && --of_address->second <= 0) of_address_.erase(of_address);
  --open_;
  connection.ended = true;
  ended_.notify_all();
}

// One request and its answer. False: the connection is over.
bool HttpServer::serve_one(Connection& connection, std::string& buffer) {
  Clock::time_point began = Clock::now();
  Clock::time_point deadline = began + limits_.idle_time;
  size_t head_size = head_end(buffer);
  bool first_byte = !buffer.empty();
  {
    const std::lock_guard lock(mutex_);
    connection.idle = !first_byte;
    if (connection.idle && stopping_) return false;  // stop() has looked for idle ones, or will see this one
  }
  if (first_byte) deadline = began + limits_.head_time;
  while (head_size == std::string::npos) {
    if (buffer.size() > limits_.head.bytes) break;
    const Socket::Read read = connection.socket.read(buffer, limits_.head.bytes, deadline);
    if (read == Socket::Read::kEnd) return false;
    if (read == Socket::Read::kTimeout) {
      if (first_byte) {
        static_cast<void>(answer(connection, nullptr, handler_.refuse({408, "the request's head did not come in time"}),
                                 false, began));
        connection.socket.linger();
      }
      return false;
    }
    if (!first_byte) {
      first_byte = true;
      began = Clock::now();
      deadline = began + limits_.head_time;
      const std::lock_guard lock(mutex_);
      connection.idle = false;
    }
    // Empty lines before a request are passed over (RFC 9112 2.2); a few, not a stream of them.
    if (buffer.starts_with("\r\n")) buffer.erase(0, 2);
    if (buffer.empty()) first_byte = false;
    head_size = head_end(buffer);
  }
  const auto refuse = [&](HeadError error, const Request* request) {
    if (request != nullptr) error.path = request->path;
    static_cast<void>(answer(connection, request, handler_.refuse(error), false, began));
    connection.socket.linger();
    return false;
  };
  if (head_size == std::string::npos) return refuse({431, "the request's headers are too large"}, nullptr);
  auto parsed = parse_head(std::string_view(buffer).substr(0, head_size), limits_.head);
  if (const auto* error = std::get_if<HeadError>(&parsed)) return refuse(*error, nullptr);

  auto& request = std::get<Request>(parsed);
  request.address = connection.address;
  request.client_gone = [&connection, this] { return cut_ || connection.socket.gone(); };
  if (std::optional<Response> early = handler_.before_body(request)) {
    const bool whole = buffer.size() - head_size >= request.content_length;
    const bool keep = request.keep_alive && whole && !stopping_;
    if (!answer(connection, &request, *early, keep, began)) return false;
    if (!keep) connection.socket.linger();
    buffer.erase(0, head_size + request.content_length);
    return keep;
  }
  if (request.content_length > limits_.body_bytes) {
    return refuse(
        {413, fmt::format("the body has {} bytes; at most {} are taken", request.content_length, limits_.body_bytes)},
        &request);
  }
  if (!read_body(connection, request, buffer, head_size)) {
    if (!connection.socket.gone()) return refuse({408, "the request's body did not come in time"}, &request);
    return false;
  }
  const Response response = handler_.handle(request);
  return answer(connection, &request, response, request.keep_alive && !stopping_, began);
}

// Moves the body out of the buffer; what follows it stays there.
bool HttpServer::read_body(Connection& connection, Request& request, std::string& buffer, size_t head_size) {
  const auto deadline = Clock::now() + limits_.body_time;
  const size_t whole = head_size + request.content_length;
  if (request.expects_continue && buffer.size() < whole &&
      !connection.socket.write("HTTP/1.1 100 Continue\r\n\r\n", deadline)) {
    return false;
  }
  while (buffer.size() < whole) {
    if (connection.socket.read(buffer, whole - buffer.size(), deadline) != Socket::Read::kBytes) return false;
  }
  request.body = buffer.substr(head_size, request.content_length);
  buffer.erase(0, whole);
  return true;
}

bool HttpServer::answer(Connection& connection, const Request* request, const Response& response, bool keep_alive,
                        Clock::time_point began) {
  const bool head_only = request != nullptr && request->method == "HEAD";
  const bool streams = response.stream != nullptr && !head_only;
  const bool chunked = streams && request != nullptr && !request->http_1_0;
  const bool keep = keep_alive && (!streams || chunked);
  const uint64_t length = response.file ? response.length : response.body.size();

  std::string head =
      fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\n", response.status, reason_phrase(response.status), http_date());
  for (const auto& [name, value] : response.headers) head += fmt::format("{}: {}\r\n", name, value);
  if (chunked) head += "Transfer-Encoding: chunked\r\n";
  if (response.stream == nullptr && has_body(response.status)) head += fmt::format("Content-Length: {}\r\n", length);
  head += keep ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";

  // A minimum rate, so that a reader who takes a byte now and then cannot hold a thread for ever.
  const auto deadline = Clock::now() + limits_.write_time + std::chrono::seconds(length >> 14);
  uint64_t bytes = 0;
  bool sent = false;
  if (streams) {
    sent = connection.socket.write(head, deadline);
    ChunkWriter writer(connection.socket, chunked, limits_.write_time, cut_);
    if (sent) response.stream(writer);
    bytes = writer.bytes();
    sent = sent && writer.finish();
  } else if (response.file && !head_only) {
    sent = connection.socket.write(head, deadline) &&
           connection.socket.write_file(response.file->descriptor(), static_cast<off_t>(response.offset),
                                        response.length, deadline);
    bytes = length;
  } else {
    if (!head_only && has_body(response.status)) {
      head += response.body;
      bytes = length;
    }
    sent = connection.socket.write(head, deadline);
  }
  handler_.finished(request, response, bytes, std::chrono::duration<double>(Clock::now() - began).count());
  return sent && keep;
}

void HttpServer::stop(std::chrono::milliseconds patience) {
  if (stopping_.exchange(true)) return;
  if (wake_[1] >= 0) {
    const char byte = 0;
    static_cast<void>(!write(wake_[1], &byte, 1));
  }
  if (acceptor_.joinable()) acceptor_.join();
  {
    std::unique_lock lock(mutex_);
    for (const auto& connection : connections_) {
      if (connection->idle) connection->socket.shut_down();
    }
    ended_.wait_for(lock, patience, [this] { return open_ == 0; });
    cut_ = true;
    for (const auto& connection : connections_) connection->socket.shut_down();
    ended_.wait(lock, [this] { return open_ == 0; });
  }
  reap();
}

}  // namespace swan::server

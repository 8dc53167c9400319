#include "server/http/server.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <list>
#include <map>
#include <mutex>
#include <thread>

#include "server/http/answer.h"
#include "server/http/session.h"
#include "swan/error.h"

namespace swan::server {

namespace {

using asio::ip::tcp;

constexpr int kBacklog = 128;
// After accept() has failed, as it does while there are no descriptors: until connections end.
constexpr std::chrono::milliseconds kRest{20};

// An IPv4 peer on an IPv6 socket is one of IPv4.
asio::ip::address plain(const asio::ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
}

}  // namespace

/// Accepts connections on the io_context's thread and gives each a session with a thread.
class HttpServer::Sessions {
 public:
  Sessions(HttpHandler& handler, const HttpLimits& limits) : context_{.handler = handler, .limits = limits} {}
  ~Sessions() { stop(std::chrono::milliseconds(0)); }
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;

  int listen(const std::string& host, int port);
  void start() {
    accept();
    thread_ = std::thread([this] { io_.run(); });
  }
  void stop(std::chrono::milliseconds patience);
  [[nodiscard]] int count() const noexcept { return open_; }

 private:
  struct Entry {
    Entry(SessionContext& context, tcp::socket socket, const std::string& address)
        : session(context, std::move(socket), address) {}
    Session session;
    std::thread thread;
  };
  using Entries = std::list<Entry>;

  void accept();
  void take(tcp::socket socket);
  void refuse(tcp::socket& socket) const;
  void remove(Entries::iterator entry);

  SessionContext context_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io_);
  tcp::acceptor acceptor_{io_};
  asio::steady_timer rest_{io_};
  std::thread thread_;
  std::atomic<int> open_{0};

  std::mutex mutex_;
  std::condition_variable ended_;
  Entries entries_;
  std::map<std::string, int> of_address_;
};

int HttpServer::Sessions::listen(const std::string& host, int port) {
  try {
    tcp::resolver resolver(io_);
    const tcp::endpoint endpoint =
        *resolver.resolve(host, std::to_string(port), tcp::resolver::passive | tcp::resolver::numeric_service);
    acceptor_.open(endpoint.protocol());
    acceptor_.set_option(asio::socket_base::reuse_address(true));
    acceptor_.bind(endpoint);
    acceptor_.listen(kBacklog);
    return acceptor_.local_endpoint().port();
  } catch (const boost::system::system_error& e) {
    throw Error(ErrorCode::kIo,
                fmt::format("cannot serve on {} port {}: {}; choose another --host or --port", host, port, e.what()));
  }
}

void HttpServer::Sessions::accept() {
  acceptor_.async_accept([this](beast::error_code error, tcp::socket socket) {
    if (context_.stopping) return;
    if (!error) {
      try {
        take(std::move(socket));
      } catch (const std::exception&) {  // out of memory; the connection is all that is lost
      }
      accept();
      return;
    }
    rest_.expires_after(kRest);
    rest_.async_wait([this](beast::error_code) {
      if (!context_.stopping) accept();
    });
  });
}

void HttpServer::Sessions::take(tcp::socket socket) {
  beast::error_code error;
  const asio::ip::address peer = plain(socket.remote_endpoint(error).address());
  if (error) return;  // gone already
  const std::string address = peer.to_string();
  const std::lock_guard lock(mutex_);
  if (context_.stopping) return;
  const auto of_address = of_address_.try_emplace(address, 0).first;
  const auto forget = [&] {
    if (of_address->second == 0) of_address_.erase(of_address);
  };
  if (open_ >= context_.limits.connections ||
      (!peer.is_loopback() && of_address->second >= context_.limits.connections_of_one_address)) {
    forget();
    return refuse(socket);
  }
  Entries entries;  // until its thread runs
  try {
    entries.emplace_back(context_, std::move(socket), address);
    const auto entry = entries.begin();
    entry->thread = std::thread([this, entry] {
      entry->session.run();
      asio::post(io_, [this, entry] { remove(entry); });
    });
  } catch (const std::exception&) {  // no memory or no thread to be had; the client sees its connection end
    return forget();
  }
  entries_.splice(entries_.end(), entries);
  ++of_address->second;
  ++open_;
}

void HttpServer::Sessions::refuse(tcp::socket& socket) const {
  Response response = context_.handler.refuse({503, "too many connections are open; try again"}, nullptr);
  response.with("Retry-After", "1");
  const std::string text = Answer(nullptr, response, false).text();
  // Into the empty buffer of a new socket, so that nothing here waits for a stranger.
  beast::error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(text), ignored);
}

void HttpServer::Sessions::remove(Entries::iterator entry) {
  entry->thread.join();
  const std::lock_guard lock(mutex_);
  const auto of_address = of_address_.find(entry->session.address());
  if (--of_address->second == 0) of_address_.erase(of_address);
  entries_.erase(entry);
  --open_;
  ended_.notify_all();
}

void HttpServer::Sessions::stop(std::chrono::milliseconds patience) {
  if (context_.stopping.exchange(true)) return;
  asio::post(io_, [this] {
    beast::error_code ignored;
    acceptor_.close(ignored);
    rest_.cancel();
  });
  {
    std::unique_lock lock(mutex_);
    for (Entry& entry : entries_) entry.session.end_if_idle();
    const auto none_left = [this] { return entries_.empty(); };
    ended_.wait_for(lock, patience, none_left);
    context_.cut = true;
    for (Entry& entry : entries_) entry.session.shut_down();
    ended_.wait(lock, none_left);
  }
  work_.reset();
  if (thread_.joinable()) thread_.join();
}

HttpServer::HttpServer(HttpHandler& handler, HttpLimits limits)
    : sessions_(std::make_unique<Sessions>(handler, limits)) {}

HttpServer::~HttpServer() = default;

int HttpServer::listen(const std::string& host, int port) { return sessions_->listen(host, port); }
void HttpServer::start() { sessions_->start(); }
void HttpServer::stop(std::chrono::milliseconds patience) { sessions_->stop(patience); }
int HttpServer::connections() const noexcept { return sessions_->count(); }

}  // namespace swan::server

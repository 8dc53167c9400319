#include "server/http/connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>

namespace swan::server {

namespace {
// Most that is received before it is parsed; more than a head may have.
constexpr size_t kBuffer = 65536;
}  // namespace

Connection::Connection(asio::ip::tcp::socket socket, std::string address)
    : socket_(std::move(socket)), address_(std::move(address)), buffer_(kBuffer) {
  beast::error_code ignored;  // a connection that has failed already says so when it is read
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

// Returns when it is done: a cancellation that came late would end the next operation.
void Connection::cancel() {
  std::promise<void> cancelled;
  std::future<void> done = cancelled.get_future();
  asio::post(socket_.get_executor(), [this, cancelled = std::move(cancelled)]() mutable {
    beast::error_code ignored;
    socket_.cancel(ignored);
    cancelled.set_value();
  });
  done.get();
}

beast::error_code Connection::wait_for_bytes(Clock::time_point deadline) {
  if (buffer_.size() > 0) return {};
  return finish(deadline, [&](auto done) { socket_.async_wait(asio::socket_base::wait_read, std::move(done)); });
}

bool Connection::gone() noexcept {
  pollfd entry = {.fd = socket_.native_handle(), .events = POLLRDHUP, .revents = 0};
  return poll(&entry, 1, 0) > 0;
}

void Connection::linger() {
  constexpr size_t kMost = size_t{1} << 20;
  const auto deadline = Clock::now() + std::chrono::seconds(1);
  beast::error_code error;
  socket_.shutdown(asio::socket_base::shutdown_send, error);
  std::array<char, 16384> bytes{};
  for (size_t taken = 0; !error && taken < kMost;) {
    error = finish(deadline, [&](auto done) {
      socket_.async_read_some(asio::buffer(bytes), [&taken, done = std::move(done)](auto result, size_t count) mutable {
        taken += count;
        done(result);
      });
    });
  }
}

void Connection::shut_down() noexcept { shutdown(socket_.native_handle(), SHUT_RDWR); }

}  // namespace swan::server

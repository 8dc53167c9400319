#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <future>
#include <string>

#include "server/http/clock.h"

namespace swan::server {

namespace asio = boost::asio;
namespace beast = boost::beast;

/// A client's connection. Its operations are Asio's and run on the io_context's one thread; the connection's own thread
/// waits for each, up to a deadline, since handlers wait for the engine anyway.
class Connection {
 public:
  /// @param address  the peer's, "127.0.0.1"
  Connection(asio::ip::tcp::socket socket, std::string address);

  /// Waits for an asynchronous operation. @param start  is called with the operation's completion handler
  /// @return what the operation ended with; asio::error::timed_out where the deadline ended it
  template <typename Start>
  [[nodiscard]] beast::error_code finish(Clock::time_point deadline, const Start& start) {
    std::promise<beast::error_code> promise;
    std::future<beast::error_code> result = promise.get_future();
    start([promise = std::move(promise)](beast::error_code error, auto&&...) mutable { promise.set_value(error); });
    if (result.wait_until(deadline) == std::future_status::ready) return result.get();
    cancel();
    const beast::error_code error = result.get();
    return error == asio::error::operation_aborted ? asio::error::timed_out : error;
  }

  /// Waits until bytes are there that have not been parsed. @return timed_out, or what a read will find
  [[nodiscard]] beast::error_code wait_for_bytes(Clock::time_point deadline);
  /// Whether the peer has closed its side or failed.
  [[nodiscard]] bool gone() noexcept;
  /// Says that nothing more will be sent, and takes what still comes for a moment: closing a socket with unread bytes
  /// would make the system throw away the answer on its way.
  void linger();
  /// Ends operations; may be called by any thread. The descriptor stays until the destructor.
  void shut_down() noexcept;

  [[nodiscard]] asio::ip::tcp::socket& socket() noexcept { return socket_; }
  [[nodiscard]] beast::flat_buffer& buffer() noexcept { return buffer_; }  ///< received and not yet parsed
  [[nodiscard]] const std::string& address() const noexcept { return address_; }

 private:
  void cancel();

  asio::ip::tcp::socket socket_;
  const std::string address_;
  beast::flat_buffer buffer_;
};

}  // namespace swan::server

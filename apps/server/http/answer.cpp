#include "server/http/answer.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/write.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <cerrno>
#include <ctime>
#include <sstream>

namespace swan::server {

namespace http = beast::http;

namespace {

bool may_have_body(int status) noexcept { return status >= 200 && status != 204 && status != 304; }

// A body that is sent piece by piece, in HTTP/1.1's chunks where its length is not known.
class Pieces {
 public:
  Pieces(Connection& connection, http::response_header<> head)
      : connection_(connection), message_(std::move(head)), serializer_(message_) {}

  bool send_head(Clock::time_point deadline) {
    message_.body().more = true;
    return !connection_.finish(
        deadline, [&](auto done) { http::async_write_header(connection_.socket(), serializer_, std::move(done)); });
  }
  bool send(std::string_view bytes, Clock::time_point deadline) {
    message_.body().data = const_cast<char*>(bytes.data());  // it is only read
    message_.body().size = bytes.size();
    const bool sent = write(deadline) == http::error::need_buffer;
    if (sent) bytes_ += bytes.size();
    return sent;
  }
  bool finish(Clock::time_point deadline) {
    message_.body() = {.data = nullptr, .size = 0, .more = false};
    return !write(deadline);
  }
  [[nodiscard]] uint64_t bytes() const noexcept { return bytes_; }

 private:
  beast::error_code write(Clock::time_point deadline) {
    return connection_.finish(
        deadline, [&](auto done) { http::async_write(connection_.socket(), serializer_, std::move(done)); });
  }

  Connection& connection_;
  http::response<http::buffer_body> message_;
  http::response_serializer<http::buffer_body> serializer_;
  uint64_t bytes_ = 0;
};

class PiecesWriter final : public StreamWriter {
 public:
  PiecesWriter(Connection& connection, Pieces& pieces, std::chrono::milliseconds patience, const std::atomic<bool>& cut)
      : connection_(connection), pieces_(pieces), patience_(patience), cut_(cut) {}
  bool write(std::string_view bytes) override {
    if (bytes.empty()) return true;
    failed_ = failed_ || cut_ || !pieces_.send(bytes, Clock::now() + patience_);
    return !failed_;
  }
  bool gone() override { return failed_ || cut_ || connection_.gone(); }
  [[nodiscard]] bool failed() const noexcept { return failed_; }

 private:
  Connection& connection_;
  Pieces& pieces_;
  const std::chrono::milliseconds patience_;
  const std::atomic<bool>& cut_;
  bool failed_ = false;
};

}  // namespace

Answer::Answer(const Request* request, const Response& response, bool keep_alive)
    : response_(response),
      head_only_(request != nullptr && request->method == "HEAD"),
      chunked_(response.stream && request != nullptr && !request->http_1_0),
      keep_(keep_alive && (!response.stream || head_only_ || chunked_)) {}

uint64_t Answer::length() const noexcept { return response_.file ? response_.length : response_.body.size(); }

http::response_header<> Answer::head() const {
  http::response<http::string_body> message;
  message.version(11);
  message.result(static_cast<unsigned>(response_.status));
  message.set(http::field::date, fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(std::time(nullptr))));
  for (const auto& [name, value] : response_.headers) message.insert(name, value);
  if (chunked_) {
    message.chunked(true);
  } else if (!response_.stream && may_have_body(response_.status)) {
    message.content_length(length());
  }
  message.set(http::field::connection, keep_ ? "keep-alive" : "close");
  return std::move(message.base());
}

std::string Answer::text() const {
  http::response<http::string_body> message(head());
  if (!head_only_ && may_have_body(response_.status)) message.body() = response_.body;
  std::ostringstream text;
  text << message;
  return text.str();
}

Sent Answer::send(Connection& connection, std::chrono::milliseconds patience, const std::atomic<bool>& cut) const {
  // A minimum rate, so that a reader who takes a byte now and then cannot hold a thread for ever.
  const auto deadline = Clock::now() + patience + std::chrono::seconds(length() >> 14);
  if (response_.stream && !head_only_) return send_stream(connection, patience, cut);
  if (response_.file && !head_only_) return send_file(connection, deadline);
  return send_text(connection, deadline);
}

Sent Answer::send_text(Connection& connection, Clock::time_point deadline) const {
  const std::string bytes = text();
  const beast::error_code error = connection.finish(
      deadline, [&](auto done) { asio::async_write(connection.socket(), asio::buffer(bytes), std::move(done)); });
  const bool body = !head_only_ && may_have_body(response_.status);
  return {.whole = !error, .bytes = body && !error ? length() : 0};
}

Sent Answer::send_file(Connection& connection, Clock::time_point deadline) const {
  Pieces pieces(connection, head());
  std::array<char, 65536> bytes{};
  auto offset = static_cast<off_t>(response_.offset);
  uint64_t left = response_.length;
  bool whole = pieces.send_head(deadline);
  while (whole && left > 0) {
    const ssize_t count = pread(response_.file->descriptor(), bytes.data(), std::min(left, bytes.size()), offset);
    if (count < 0 && errno == EINTR) continue;
    // Shorter than it was: the length was promised, and the client sees that the connection ends before it.
    whole = count > 0 && pieces.send({bytes.data(), static_cast<size_t>(count)}, deadline);
    offset += count;
    left -= static_cast<uint64_t>(count);
  }
  whole = whole && pieces.finish(deadline);
  return {.whole = whole, .bytes = pieces.bytes()};
}

Sent Answer::send_stream(Connection& connection, std::chrono::milliseconds patience,
                         const std::atomic<bool>& cut) const {
  Pieces pieces(connection, head());
  bool whole = pieces.send_head(Clock::now() + patience);
  if (whole) {
    PiecesWriter writer(connection, pieces, patience, cut);
    response_.stream(writer);
    whole = !writer.failed() && pieces.finish(Clock::now() + patience);
  }
  return {.whole = whole, .bytes = pieces.bytes()};
}

}  // namespace swan::server

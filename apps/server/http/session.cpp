#include "server/http/session.h"

#include <fmt/format.h>

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <limits>

#include "server/http/answer.h"

namespace swan::server {

namespace http = beast::http;

void Session::run() noexcept {
  try {
    while (serve_one()) {
    }
  } catch (const std::exception&) {  // out of memory; the connection is all that is lost
  }
  connection_.shut_down();
}

void Session::end_if_idle() noexcept {
  if (idle_) connection_.shut_down();
}

bool Session::wait_for_request() {
  idle_ = connection_.buffer().size() == 0;
  // Either this sees that the server stops, or end_if_idle() sees that the session is idle.
  if (idle_ && context_.stopping) return false;
  const bool came = !connection_.wait_for_bytes(Clock::now() + context_.limits.idle_time);
  idle_ = false;
  return came;
}

// One request and its answer. False: the connection is over.
bool Session::serve_one() {
  if (!wait_for_request()) return false;
  began_ = Clock::now();
  RequestParser parser;
  parser.header_limit(static_cast<std::uint32_t>(context_.limits.head.bytes));
  parser.body_limit(std::numeric_limits<std::uint64_t>::max());  // until the head has been looked at
  beast::error_code error = connection_.finish(began_ + context_.limits.head_time, [&](auto done) {
    http::async_read_header(connection_.socket(), connection_.buffer(), parser, std::move(done));
  });
  if (error) return refuse(error, "the request's head did not come in time", nullptr);

  auto read = read_head(parser, context_.limits.head);
  if (const auto* wrong = std::get_if<HeadError>(&read)) return refuse(*wrong, nullptr);
  auto& request = std::get<Request>(read);
  request.address = connection_.address();
  request.client_gone = [this] { return context_.cut || connection_.gone(); };
  if (const std::optional<Response> early = context_.handler.before_body(request)) {
    return answer_early(parser, request, *early);
  }
  const size_t most = context_.limits.body_bytes;
  if (request.content_length > most) {
    return refuse({413, fmt::format("the body has {} bytes; at most {} are taken", request.content_length, most)},
                  &request);
  }
  parser.body_limit(most);
  error = read_body(parser, request);
  if (error == http::error::body_limit || error == http::error::buffer_overflow) {
    return refuse({413, fmt::format("the body has more than {} bytes", most)}, &request);
  }
  if (error) return refuse(error, "the request's body did not come in time", &request);
  request.body = std::move(parser.get().body());
  return answer(&request, context_.handler.handle(request), request.keep_alive);
}

// The next request can be found if the body needs not be waited for; it is passed over.
bool Session::answer_early(const RequestParser& parser, const Request& request, const Response& response) {
  const bool whole = !parser.chunked() && connection_.buffer().size() >= request.content_length;
  const bool stays = answer(&request, response, request.keep_alive && whole);
  if (stays) {
    connection_.buffer().consume(request.content_length);
  } else if (!whole) {
    connection_.linger();
  }
  return stays;
}

beast::error_code Session::read_body(RequestParser& parser, const Request& request) {
  const auto deadline = Clock::now() + context_.limits.body_time;
  if (!parser.is_done() && request.expects_continue && connection_.buffer().size() == 0) {
    const http::response<http::empty_body> go_on(http::status::continue_, 11);
    http::response_serializer<http::empty_body> serializer(go_on);
    const beast::error_code error = connection_.finish(
        deadline, [&](auto done) { http::async_write(connection_.socket(), serializer, std::move(done)); });
    if (error) return error;
  }
  if (parser.is_done()) return {};
  return connection_.finish(deadline, [&](auto done) {
    http::async_read(connection_.socket(), connection_.buffer(), parser, std::move(done));
  });
}

// What is wrong with a request is told to its client, unless that is gone.
bool Session::refuse(const beast::error_code& error, const char* late, const Request* request) {
  if (error == asio::error::timed_out) return refuse({408, late}, request);
  const bool parsed = error.category() == make_error_code(http::error::bad_value).category();
  if (!parsed || error == http::error::end_of_stream || error == http::error::partial_message) return false;
  return refuse(refusal_of(error), request);
}

bool Session::refuse(const HeadError& error, const Request* request) {
  (void)answer(request, context_.handler.refuse(error, request), false);
  connection_.linger();
  return false;
}

bool Session::answer(const Request* request, const Response& response, bool keep_alive) {
  const Answer answer(request, response, keep_alive && !context_.stopping);
  const Sent sent = answer.send(connection_, context_.limits.write_time, context_.cut);
  context_.handler.finished(request, response, sent.bytes,
                            std::chrono::duration<double>(Clock::now() - began_).count());
  return sent.whole && answer.keeps();
}

}  // namespace swan::server

#include "server/http/head.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/http/error.hpp>

#include "server/http/text.h"
#include "server/http/url.h"

namespace swan::server {

namespace {

namespace http = boost::beast::http;

std::string_view view(boost::beast::string_view text) noexcept { return {text.data(), text.size()}; }

// Without blanks, controls and bytes above 127.
bool is_target(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

// Method and target; what is wrong, or an empty message.
HeadError read_request_line(const http::request_header<>& head, const HeadLimits& limits, Request& request) {
  // Which methods there are is the router's to say, path by path.
  constexpr size_t kLongestMethod = 20;
  const std::string_view method = view(head.method_string());
  const std::string_view target = view(head.target());
  if (method.size() > kLongestMethod) return {400, "the method is not a word"};
  if (target.size() > limits.target) return {414, "the target of the request is too long"};
  if (!is_target(target)) return {400, "the target has characters that must be percent-encoded"};
  const size_t question = target.find('?');
  request.path = std::string(target.substr(0, question));
  auto segments = path_segments(request.path);
  auto query = parse_query(question == std::string_view::npos ? "" : target.substr(question + 1));
  if (!segments || !query || target.find('#') != std::string_view::npos) {
    return {400, "the target is no path with a query, or its percent-encoding is wrong"};
  }
  request.method = std::string(method);
  request.segments = std::move(*segments);
  request.query = std::move(*query);
  request.http_1_0 = head.version() < 11;
  return {};
}

// What the headers say of the connection and the body.
HeadError read_framing(const RequestParser& parser, Request& request) {
  const http::request_header<>& head = parser.get();
  for (const char* name : {"host", "content-length", "transfer-encoding", "content-type", "authorization", "expect"}) {
    if (head.count(name) > 1) return {400, fmt::format("the header {} is there more than once", name)};
  }
  if (!request.http_1_0 && head.count(http::field::host) == 0) return {400, "HTTP/1.1 needs the header Host"};
  if (head.count(http::field::transfer_encoding) > 0) {
    if (request.http_1_0) return {400, "HTTP/1.0 has no Transfer-Encoding"};
    if (lower_case(view(head[http::field::transfer_encoding])) != "chunked") {
      return {501, "the only Transfer-Encoding that is taken is chunked"};
    }
  }
  if (const std::string* encoding = request.header("content-encoding");
      encoding != nullptr && *encoding != "identity") {
    return {415, "compressed bodies (Content-Encoding) are not taken; send the body as it is"};
  }
  request.content_length = parser.content_length().value_or(0);
  request.keep_alive = parser.keep_alive();
  if (const std::string* expect = request.header("expect")) {
    if (lower_case(*expect) != "100-continue") return {400, "the only Expect that is known is 100-continue"};
    request.expects_continue = !request.http_1_0;
  }
  return {};
}

}  // namespace

std::variant<Request, HeadError> read_head(const RequestParser& parser, const HeadLimits& limits) {
  const http::request_header<>& head = parser.get();
  Request request;
  HeadError error = read_request_line(head, limits, request);
  if (!error.message.empty()) return error;
  for (const auto& field : head) {
    if (request.headers.size() >= limits.fields) return HeadError{431, "the request has too many headers"};
    request.headers.emplace_back(lower_case(view(field.name_string())), std::string(view(field.value())));
  }
  error = read_framing(parser, request);
  if (!error.message.empty()) return error;
  return request;
}

HeadError refusal_of(const boost::beast::error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return {431, "the request's headers are too large"};
  }
  if (error == http::error::bad_version) return {505, "only HTTP/1.1 and HTTP/1.0 are spoken here"};
  return {400, fmt::format("the request is not HTTP/1.1: {}", error.message())};
}

}  // namespace swan::server

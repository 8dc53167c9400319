#include "server/http/head.h"

#include <algorithm>
#include <charconv>

#include "server/http/text.h"
#include "server/http/url.h"

namespace swan::server {

namespace {

constexpr std::string_view kLineEnd = "\r\n";

bool is_token_character(char c) noexcept {
  const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return alphanumeric || (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}
bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_character);
}
// Visible ASCII, blanks and tabs, and bytes above 127, which RFC 9110 calls obsolete but lets pass.
bool is_field_value(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}
// Without blanks, controls and bytes above 127.
bool is_target(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

// Whether a list such as "keep-alive, Upgrade" has this word.
bool lists(const std::string* value, std::string_view word) {
  if (value == nullptr) return false;
  std::string_view rest = *value;
  while (!rest.empty()) {
    const std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(item.size() + 1, rest.size()));
    if (lower_case(trimmed(item)) == word) return true;
  }
  return false;
}

size_t count(const Fields& fields, std::string_view name) {
  return static_cast<size_t>(
      std::count_if(fields.begin(), fields.end(), [&](const auto& field) { return field.first == name; }));
}

// Method, target and version; what is wrong, or an empty message.
HeadError read_request_line(std::string_view line, const HeadLimits& limits, Request& request) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return {400, "the request line is not METHOD TARGET VERSION"};
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  // Which methods there are is the router's to say, path by path.
  constexpr size_t kLongestMethod = 20;
  if (!is_token(method) || method.size() > kLongestMethod) return {400, "the method is not a word"};
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    if (version.size() == 8 && version.starts_with("HTTP/")) return {505, "only HTTP/1.1 and HTTP/1.0 are spoken here"};
    return {400, "the request line does not end in an HTTP version"};
  }
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
  request.http_1_0 = version == "HTTP/1.0";
  return {};
}

HeadError read_field(std::string_view line, Fields& fields) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return {400, "a header is not NAME: VALUE"};
  }
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (!is_field_value(value)) return {400, "a header's value has control characters"};
  fields.emplace_back(lower_case(line.substr(0, colon)), std::string(value));
  return {};
}

// What the headers say of the connection and the body.
HeadError read_framing(Request& request) {
  for (const char* name : {"host", "content-length", "content-type", "authorization", "expect"}) {
    if (count(request.headers, name) > 1) return {400, std::string("the header ") + name + " is there more than once"};
  }
  if (!request.http_1_0 && request.header("host") == nullptr) return {400, "HTTP/1.1 needs the header Host"};
  const std::string* length = request.header("content-length");
  if (request.header("transfer-encoding") != nullptr) {
    if (length != nullptr) return {400, "Content-Length and Transfer-Encoding are both there"};
    return {411, "bodies in pieces (Transfer-Encoding) are not taken; send a Content-Length"};
  }
  if (const std::string* encoding = request.header("content-encoding");
      encoding != nullptr && *encoding != "identity") {
    return {415, "compressed bodies (Content-Encoding) are not taken; send the body as it is"};
  }
  if (length != nullptr) {
    const char* end = length->data() + length->size();
    const auto [stop, error] = std::from_chars(length->data(), end, request.content_length);
    if (length->empty() || error != std::errc() || stop != end) return {400, "Content-Length is no whole number"};
  }
  const std::string* connection = request.header("connection");
  request.keep_alive = request.http_1_0 ? lists(connection, "keep-alive") : !lists(connection, "close");
  if (const std::string* expect = request.header("expect")) {
    if (lower_case(*expect) != "100-continue") return {400, "the only Expect that is known is 100-continue"};
    request.expects_continue = !request.http_1_0;
  }
  return {};
}

}  // namespace

size_t head_end(std::string_view bytes) noexcept {
  const size_t found = bytes.find("\r\n\r\n");
  return found == std::string_view::npos ? found : found + 4;
}

std::variant<Request, HeadError> parse_head(std::string_view head, const HeadLimits& limits) {
  if (head.size() > limits.bytes) return HeadError{431, "the request's headers are too large"};
  if (!head.ends_with("\r\n\r\n")) return HeadError{400, "the request's head does not end in a blank line"};
  Request request;
  bool first = true;
  while (!head.empty()) {
    const size_t end = head.find(kLineEnd);
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end + kLineEnd.size());
    if (line.empty()) break;  // the end: nothing follows, for the caller cut there
    HeadError error;
    if (first) {
      error = read_request_line(line, limits, request);
    } else {
      error = read_field(line, request.headers);
      if (request.headers.size() > limits.fields) error = {431, "the request has too many headers"};
    }
    first = false;
    if (!error.message.empty()) return error;
  }
  if (first) return HeadError{400, "the request has no request line"};
  HeadError error = read_framing(request);
  if (!error.message.empty()) return error;
  return request;
}

}  // namespace swan::server

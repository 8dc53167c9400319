// What is a request, and what is refused before it is one.

#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <limits>

#include "server/http/form.h"
#include "server/http/head.h"
#include "server/http/range.h"
#include "server/http/url.h"

namespace swan::server {
namespace {

// As a session does.
std::variant<Request, HeadError> parse(const std::string& head, const HeadLimits& limits = {}) {
  RequestParser parser;
  parser.header_limit(static_cast<std::uint32_t>(limits.bytes));
  parser.body_limit(std::numeric_limits<std::uint64_t>::max());
  boost::beast::error_code error;
  parser.put(boost::asio::buffer(head), error);
  if (error) return refusal_of(error);
  return read_head(parser, limits);
}

int refusal(const std::string& head) {
  const auto parsed = parse(head);
  const auto* error = std::get_if<HeadError>(&parsed);
  if (error == nullptr) return 0;
  EXPECT_FALSE(error->message.empty());
  return error->status;
}

TEST(HttpHead, ReadsARequest) {
  const auto parsed = parse(
      "POST /v1/a%20b/c?x=1&y=a+b%26 HTTP/1.1\r\nHost: localhost:7860\r\nContent-Length: 12\r\nX-Thing:   with blanks "
      "\t"
      "\r\n\r\n");
  const auto* request = std::get_if<Request>(&parsed);
  ASSERT_NE(request, nullptr);
  EXPECT_EQ(request->method, "POST");
  EXPECT_EQ(request->path, "/v1/a%20b/c");
  EXPECT_EQ(request->segments, (std::vector<std::string>{"v1", "a b", "c"}));
  ASSERT_NE(request->parameter("y"), nullptr);
  EXPECT_EQ(*request->parameter("y"), "a b&");
  EXPECT_EQ(request->content_length, 12U);
  EXPECT_EQ(*request->header("x-thing"), "with blanks");
  EXPECT_TRUE(request->keep_alive);
  EXPECT_FALSE(request->http_1_0);
}

TEST(HttpHead, KnowsWhetherTheConnectionStays) {
  const auto keeps = [](const std::string& head) {
    const auto parsed = parse(head);
    return std::get<Request>(parsed).keep_alive;
  };
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
}

TEST(HttpHead, RefusesWhatIsNotWellFormed) {
  const std::string host = "Host: a\r\n";
  for (const char* line : {"GET /", "GET  / HTTP/1.1", " GET / HTTP/1.1", "GET http://a/ HTTP/1.1", "GET a HTTP/1.1",
                           "GET /\x01 HTTP/1.1", "GET /%zz HTTP/1.1", "GET /%0a HTTP/1.1", "GET /%0 HTTP/1.1",
                           "GET /#a HTTP/1.1", "GET /?%0 HTTP/1.1", "GET /\xc3\xa4 HTTP/1.1", "G(T / HTTP/1.1"}) {
    EXPECT_EQ(refusal(std::string(line) + "\r\n" + host + "\r\n"), 400) << line;
  }
  EXPECT_EQ(refusal("BREW / HTTP/1.1\r\nHost: a\r\n\r\n"), 0) << "the router's business";
  for (const char* version : {"HTTP/2.0", "http/1.1", "HTTP/1.1 ", "HTTP/1.12", "HTTP/1.1\n"}) {
    EXPECT_EQ(refusal(std::string("GET / ") + version + "\r\nHost: a\r\n\r\n"), 505) << version;
  }
  for (const char* field : {"no colon", "Name : value", ": value", "Na me: v", "N: \x01", "N: a\nb", "N: \x7f"}) {
    EXPECT_EQ(refusal("GET / HTTP/1.1\r\n" + host + field + "\r\n\r\n"), 400) << field;
  }
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\n folded\r\n" + host + "\r\n"), 400);
  EXPECT_EQ(refusal(std::string("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 30)), 400);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: a\n\r\n\r\n"), 400) << "lines end in CRLF";
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\n\r\n"), 400) << "no Host";
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
  EXPECT_EQ(refusal("\r\n\r\n"), 400);
  EXPECT_EQ(refusal(""), 400);
}

// What proxies disagree about is how requests are smuggled.
TEST(HttpHead, RefusesUnclearLengths) {
  const std::string begin = "POST / HTTP/1.1\r\nHost: a\r\n";
  for (const char* length : {"-1", "+1", "1a", "", "0x10", "1 2", "1,2", "99999999999999999999999"}) {
    EXPECT_EQ(refusal(begin + "Content-Length: " + length + "\r\n\r\n"), 400) << length;
  }
  EXPECT_EQ(refusal(begin + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"), 400);
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  EXPECT_EQ(refusal(begin + chunked + "\r\n"), 0);
  EXPECT_EQ(refusal(begin + "Content-Length: 1\r\n" + chunked + "\r\n"), 400);
  EXPECT_EQ(refusal(begin + chunked + "Content-Length: 1\r\n\r\n"), 400);
  EXPECT_EQ(refusal(begin + chunked + chunked + "\r\n"), 400);
  EXPECT_EQ(refusal("POST / HTTP/1.0\r\n" + chunked + "\r\n"), 400);
  for (const char* encoding : {"gzip, chunked", "gzip", "chunked, gzip", "xchunked", "\"chunked\""}) {
    EXPECT_EQ(refusal(begin + "Transfer-Encoding: " + encoding + "\r\n\r\n"), 501) << encoding;
  }
  EXPECT_EQ(refusal(begin + "Content-Encoding: gzip\r\n\r\n"), 415);
}

TEST(HttpHead, RefusesTooMuch) {
  EXPECT_EQ(refusal("GET /" + std::string(2048, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n"), 414);
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(20000, 'a') + "\r\n\r\n"), 431);
  std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 64; ++i) many += "X: 1\r\n";
  EXPECT_EQ(refusal(many + "\r\n"), 431);
}

TEST(HttpUrl, SegmentsDoNotSplitAtEncodedSlashes) {
  EXPECT_EQ(path_segments("/a%2Fb"), (std::vector<std::string>{"a/b"}));
  EXPECT_EQ(path_segments("/a/"), (std::vector<std::string>{"a", ""}));
  EXPECT_EQ(path_segments("/"), std::vector<std::string>());
  EXPECT_FALSE(path_segments("a"));
}

TEST(HttpForm, ReadsFieldsAndNamesFiles) {
  const std::string body =
      "--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\na \"cat\"\r\n;\r\n"
      "--b\r\nContent-Type: image/png\r\nContent-Disposition: form-data; name=ref; "
      "filename=\"x;.png\"\r\n\r\n\x89PNG\r\n"
      "--b--\r\n";
  const auto form = parse_form("multipart/form-data; boundary=\"b\"", body);
  ASSERT_TRUE(form);
  EXPECT_EQ(form->fields, (Fields{{"prompt", "a \"cat\"\r\n;"}}));
  EXPECT_EQ(form->file_names, std::vector<std::string>{"ref"});
}

TEST(HttpForm, BackslashesInNamesEscapeNothing) {
  const auto form = parse_form("multipart/form-data; boundary=b",
                               "--b\r\nContent-Disposition: form-data; name=\"a\\\"\r\n\r\nx\r\n--b--\r\n");
  ASSERT_TRUE(form);
  EXPECT_EQ(form->fields, (Fields{{"a\\", "x"}}));
}

TEST(HttpForm, RefusesWhatIsNotWellFormed) {
  const char* type = "multipart/form-data; boundary=b";
  EXPECT_FALSE(parse_form("application/json", "--b--"));
  EXPECT_FALSE(parse_form("multipart/form-data", "--b--"));
  EXPECT_FALSE(parse_form("multipart/form-data; boundary=" + std::string(71, 'b'), "--b--"));
  EXPECT_TRUE(parse_form(type, "--b--"));
  for (const char* body : {"", "--c--", "--b", "--b\r\n", "--b\r\n\r\nx\r\n--b--", "--b\r\nX\r\n\r\nx\r\n--b--",
                           "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--",
                           "--b\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx\r\n--b--",
                           "--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx"}) {
    EXPECT_FALSE(parse_form(type, body)) << body;
  }
  std::string many;
  for (int i = 0; i < 100; ++i) many += "--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n";
  EXPECT_FALSE(parse_form(type, many + "--b--"));
}

TEST(HttpRange, ChoosesAPart) {
  using Kind = RangeChoice::Kind;
  const auto check = [](const char* range, Kind kind, uint64_t offset, uint64_t length) {
    const RangeChoice choice = choose_range(range, 100);
    EXPECT_EQ(choice.kind, kind) << range;
    EXPECT_EQ(choice.offset, offset) << range;
    EXPECT_EQ(choice.length, length) << range;
  };
  check("bytes=0-9", Kind::kPart, 0, 10);
  check("bytes=90-", Kind::kPart, 90, 10);
  check("bytes=90-1000", Kind::kPart, 90, 10);
  check("bytes=-10", Kind::kPart, 90, 10);
  check("bytes=-1000", Kind::kPart, 0, 100);
  check("bytes=100-", Kind::kNone, 0, 0);
  check("bytes=-0", Kind::kNone, 0, 0);
  for (const char* whole :
       {"bytes=9-0", "bytes=0-1,2-3", "bytes=a-b", "lines=0-1", "bytes=", "bytes=-", "bytes=99999999999999999999-"}) {
    check(whole, Kind::kWhole, 0, 0);
  }
  EXPECT_EQ(choose_range("bytes=-1", 0).kind, Kind::kNone);
}

}  // namespace
}  // namespace swan::server

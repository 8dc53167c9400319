#include "hub/headers.h"

#include <gtest/gtest.h>

#include "hub/digest.h"
#include "hub/http.h"
#include "hub/url.h"

namespace swan::hub {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(HubHeaders, ETags) {
  const std::string sha(64, 'e');
  for (const std::string& tag : {sha, "\"" + sha + "\"", "W/\"" + sha + "\"", " \"" + sha + "\" "})
    EXPECT_EQ(normalized_etag(tag), sha) << tag;
  EXPECT_EQ(normalized_etag("\"5f-a_b\""), "5f-a_b");
  for (const std::string& tag :
       {std::string(), std::string("\"\""), std::string("\"../x\""), std::string("\"a/b\""), sha + ".swan.incomplete",
        std::string("\".x\""), std::string("\"a b\""), std::string(200, 'a')})
    EXPECT_EQ(normalized_etag(tag), "") << tag;
}

TEST(HubHeaders, Links) {
  EXPECT_EQ(next_link(R"(<https://h/a?cursor=1>; rel="next")"), "https://h/a?cursor=1");
  EXPECT_EQ(next_link(R"(<https://h/0>; rel="prev", <https://h/2?a,b>; rel="next")"), "https://h/2?a,b");
  EXPECT_EQ(next_link(R"(<https://h/0>; rel="prev")"), "");
  for (const char* text : {"", "<", "<x", ">", "x; rel=next", "<x>"}) EXPECT_EQ(next_link(text), "") << text;
}

TEST(HubHeaders, Ranges) {
  const auto range = parse_content_range("bytes 5-9/100");
  ASSERT_TRUE(range);
  EXPECT_EQ(range->begin, 5U);
  EXPECT_EQ(range->end, 10U);
  EXPECT_EQ(range->size, 100U);
  EXPECT_FALSE(parse_content_range("bytes 5-9/*")->size);
  for (const char* text : {"", "bytes", "bytes 9-5/100", "bytes */100", "bytes 5-/9", "items 5-9/100", "bytes -5-9/100",
                           "bytes 5-99999999999999999999/100", "bytes 5-9/x"})
    EXPECT_FALSE(parse_content_range(text)) << text;
}

TEST(HubHeaders, Sizes) {
  EXPECT_EQ(parse_size("0"), 0U);
  EXPECT_EQ(parse_size(" 9007199254740992 "), 9007199254740992U);
  for (const char* text : {"", "-1", "1.5", "0x10", "9007199254740993", "99999999999999999999999"})
    EXPECT_FALSE(parse_size(text)) << text;
}

TEST(HubHeaders, WhenToTryAgain) {
  EXPECT_EQ(retry_after({{"retry-after", "7"}}, 0), seconds(7));
  EXPECT_EQ(retry_after({{"retry-after", "Thu, 01 Jan 1970 00:01:00 GMT"}}, 10), seconds(50));
  EXPECT_EQ(retry_after({{"retry-after", "Thu, 01 Jan 1970 00:01:00 GMT"}}, 100), seconds(0));
  EXPECT_EQ(retry_after({{"ratelimit", "\"api\";r=0;t=55"}}, 0), seconds(55));
  EXPECT_FALSE(retry_after({{"ratelimit", "\"api\";r=12;t=55"}}, 0));
  EXPECT_FALSE(retry_after({{"retry-after", "soon"}}, 0));
  EXPECT_FALSE(retry_after({}, 0));
}

TEST(HubRetries, WaitLongerEachTimeAndEnd) {
  Retries retries(milliseconds(1000), 5);
  for (const int expected : {1000, 2000, 4000, 8000}) EXPECT_EQ(retries.next(), milliseconds(expected));
  EXPECT_FALSE(retries.next());
  retries.reset();
  EXPECT_EQ(retries.next(seconds(30)), milliseconds(30'000));
  EXPECT_EQ(retries.next(), milliseconds(2000));
  EXPECT_FALSE(retries.next(seconds(301))) << "nobody waits for five minutes";
  Retries patient(milliseconds(10'000), 100);
  for (int i = 0; i < 90; ++i) ASSERT_LE(*patient.next(), seconds(60));
}

TEST(HubUrls, AreTakenApart) {
  const auto url = parse_url("HTTPS://Hub.Example:8443/a/b?c=d#e");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->origin(), "https://hub.example:8443");
  EXPECT_EQ(url->path, "/a/b?c=d");
  EXPECT_EQ(parse_url("http://h")->str(), "http://h/");
  EXPECT_EQ(parse_url("https://h:443/x")->str(), "https://h/x");
  EXPECT_EQ(parse_url("http://h?x=1")->path, "/?x=1");
  EXPECT_EQ(parse_url("http://[::1]:80/x")->host, "[::1]");
  for (const char* text :
       {"", "h/x", "ftp://h/x", "file:///etc/passwd", "http://", "http:///x", "http://u:p@h/x", "http://h:0",
        "http://h:99999", "http://h:x", "http://h/a b", "http://h/\n", "http://evil\\@h/"})
    EXPECT_FALSE(parse_url(text)) << text;
}

TEST(HubUrls, TheTokenStaysWithItsServer) {
  const Url hub = *parse_url("https://hub.example/base");
  EXPECT_TRUE(parse_url("https://HUB.example:443/x")->same_origin(hub));
  for (const char* text :
       {"http://hub.example/x", "https://hub.example:444/x", "https://hub.example.evil/x", "https://evil/hub.example"})
    EXPECT_FALSE(parse_url(text)->same_origin(hub)) << text;
}

TEST(HubUrls, References) {
  const Url base = *parse_url("https://h/a/b?c");
  EXPECT_EQ(resolve_url(base, "/x?y")->str(), "https://h/x?y");
  EXPECT_EQ(resolve_url(base, "x")->str(), "https://h/a/x");
  EXPECT_EQ(resolve_url(base, "//other/x")->str(), "https://other/x");
  EXPECT_EQ(resolve_url(base, "http://other/x")->str(), "http://other/x");
  EXPECT_EQ(resolve_url(base, "/x?to=http://other")->str(), "https://h/x?to=http://other");
  EXPECT_FALSE(resolve_url(base, "file:///x"));
  EXPECT_FALSE(resolve_url(base, "javascript://x"));
}

TEST(HubDigests, KnownContent) {
  EXPECT_EQ(digest_of(DigestKind::kSha256, "abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest_of(DigestKind::kGitBlob, "hello\n"), "ce013625030ba8dba906f756967f9e9ca394464a");
  EXPECT_EQ(digest_of(DigestKind::kGitBlob, ""), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  DigestKind kind{};
  EXPECT_TRUE(digest_kind(std::string(64, '0'), kind));
  EXPECT_EQ(kind, DigestKind::kSha256);
  EXPECT_TRUE(digest_kind(std::string(40, 'f'), kind));
  EXPECT_EQ(kind, DigestKind::kGitBlob);
  EXPECT_FALSE(digest_kind(std::string(40, 'F'), kind));
  EXPECT_FALSE(digest_kind("5f-abc", kind));
}

}  // namespace
}  // namespace swan::hub

// What comes from outside, in random pieces: whatever the readers accept must hold what the rest relies on.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <string_view>

#include "hub/headers.h"
#include "hub/names.h"
#include "hub/upload.h"
#include "hub/url.h"
#include "swan/error.h"

namespace swan::hub {
namespace {

// Thousands by default; SWAN_FUZZ_RUNS for longer.
int runs(int usual) {
  const char* given = std::getenv("SWAN_FUZZ_RUNS");
  return given != nullptr ? std::atoi(given) : usual;
}

template <size_t N>
std::string pieced(std::mt19937_64& random, const std::array<std::string_view, N>& pieces, size_t most) {
  std::string text;
  for (size_t i = random() % (most + 1); i > 0; --i) text += pieces[random() % N];
  return text;
}

constexpr std::array<std::string_view, 26> kNamePieces = {
    "a",    "org",    "/", "/",  "..", ".",  "@",    "main", "refs/pr/1", "\\",    "hf://", "https://huggingface.co/",
    "%2F",  "%2e%2e", "-", "--", "_",  "\n", "\x01", "\xff", "\xc3\xa9",  "blob/", "tree/", "resolve/",
    "?x=1", ".gguf"};

TEST(HubHostile, NamesThatAreAcceptedAreSafe) {
  int accepted = 0;
  for (int i = 0; i < runs(60000); ++i) {
    std::mt19937_64 random(static_cast<uint64_t>(i));
    const std::string text = pieced(random, kNamePieces, 12);
    if (const auto name = parse_hub_name(text, "")) {
      ++accepted;
      ASSERT_TRUE(is_repo_id(name->repo)) << text;
      ASSERT_TRUE(name->revision.empty() || is_revision(name->revision)) << text;
      ASSERT_TRUE(name->file.empty() || path_problem(name->file).empty()) << text;
    }
    if (path_problem(text).empty()) {
      const std::filesystem::path joined = (std::filesystem::path("/cache/root") / text).lexically_normal();
      ASSERT_TRUE(joined.string().starts_with("/cache/root/")) << text;
    }
    if (is_revision(text)) {
      const std::filesystem::path joined = (std::filesystem::path("/cache/refs") / text).lexically_normal();
      ASSERT_TRUE(joined.string().starts_with("/cache/refs/")) << text;
    }
    ASSERT_EQ(url_unescaped(url_escaped(text, i % 2 == 0)), text);
    (void)name_of_snapshot("/models--" + text + "/snapshots/" + text);
  }
  EXPECT_GT(accepted, 20);
}

// As slow and as plain as can be.
bool matches_plainly(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*')
    return matches_plainly(pattern.substr(1), text) || (!text.empty() && matches_plainly(pattern, text.substr(1)));
  if (text.empty()) return false;
  size_t length = 1;
  bool fits = pattern[0] == '?' || pattern[0] == text[0];
  if (pattern[0] == '[') {
    const bool inverted = pattern.size() > 1 && pattern[1] == '!';
    const size_t first = inverted ? 2 : 1;
    const size_t end = first < pattern.size() ? pattern.find(']', first + 1) : std::string_view::npos;
    if (end != std::string_view::npos) {
      fits = false;
      for (size_t at = first; at < end;) {
        const bool range = at + 2 < end && pattern[at + 1] == '-';
        fits = fits || (pattern[at] <= text[0] && text[0] <= (range ? pattern[at + 2] : pattern[at]));
        at += range ? 3 : 1;
      }
      fits = fits != inverted;
      length = end + 1;
    }
  }
  return fits && matches_plainly(pattern.substr(length), text.substr(1));
}

TEST(HubHostile, PatternsMatchWhatAPlainMatcherDoes) {
  constexpr std::array<std::string_view, 12> kPatternPieces = {"a", "b", "c", "*", "*",    "?",
                                                               "[", "]", "!", "-", "[ab]", "[!a-b]"};
  constexpr std::array<std::string_view, 7> kTextPieces = {"a", "b", "c", "[", "]", "-", "!"};
  int matched = 0;
  for (int i = 0; i < runs(60000); ++i) {
    std::mt19937_64 random(static_cast<uint64_t>(i));
    const std::string pattern = pieced(random, kPatternPieces, 8), text = pieced(random, kTextPieces, 8);
    ASSERT_EQ(matches_glob(pattern, text), matches_plainly(pattern, text)) << pattern << " against " << text;
    matched += matches_glob(pattern, text) ? 1 : 0;
  }
  EXPECT_GT(matched, 100);
}

TEST(HubHostile, AddressesAndHeaders) {
  constexpr std::array<std::string_view, 28> kPieces = {
      "http://", "https://", "h",  ".",    ":", "80", "99999999999999999999", "/", "//",     "?", "#", "@",
      "[::1]",   "%00",      " ",  "\r\n", "<", ">",  "; rel=\"next\"",       ",", "bytes ", "0", "-", "7",
      "*",       "\"",       "W/", "\\"};
  int accepted = 0;
  const Url base = *parse_url("https://hub.example/a/b");
  for (int i = 0; i < runs(60000); ++i) {
    std::mt19937_64 random(static_cast<uint64_t>(i));
    const std::string text = pieced(random, kPieces, 9);
    for (const auto& url : {parse_url(text), resolve_url(base, text)}) {
      if (!url) continue;
      ++accepted;
      const auto again = parse_url(url->str());
      ASSERT_TRUE(again && again->str() == url->str()) << text;
      ASSERT_TRUE(url->scheme == "http" || url->scheme == "https");
      ASSERT_EQ(url->str().find_first_of("\r\n "), std::string::npos) << text;
      ASSERT_EQ(url->origin().find_first_of("@\\"), std::string::npos) << text;
    }
    if (const auto range = parse_content_range(text)) {
      ASSERT_LT(range->begin, range->end);
    }
    const std::string etag = normalized_etag(text);
    ASSERT_EQ(etag.find('/'), std::string::npos);
    ASSERT_NE(etag.substr(0, 1), ".");
    (void)next_link(text);
    (void)retry_after({{"retry-after", text}, {"ratelimit", text}}, 0);
  }
  EXPECT_GT(accepted, 1000);
}

TEST(HubHostile, InstructionsForUploads) {
  const LocalFile file = {.path = "a", .disk = "/a", .size = 25, .large = true, .digest = std::string(64, 'a')};
  constexpr std::array<std::string_view, 6> kKeys = {"actions", "upload", "verify", "href", "header", "error"};
  const auto value = [&](auto& self, std::mt19937_64& random, int depth) -> nlohmann::json {
    switch (random() % (depth > 0 ? 8 : 5)) {
      case 0:
        return nullptr;
      case 1:
        return random() % 40;
      case 2:
        return "https://s/x";
      case 3:
        return "7";
      case 4:
        return "\r\n";
      default: {
        nlohmann::json object = nlohmann::json::object();
        for (const std::string_view key : kKeys)
          if (random() % 2 == 0) object[std::string(key)] = self(self, random, depth - 1);
        if (random() % 2 == 0)
          object["chunk_size"] = random() % 2 == 0 ? nlohmann::json("10") : nlohmann::json(random() % 30);
        for (const char* part : {"1", "2", "3"})
          if (random() % 2 == 0) object[part] = "https://s/" + std::string(part);
        return object;
      }
    }
  };
  int accepted = 0;
  for (int i = 0; i < runs(20000); ++i) {
    std::mt19937_64 random(static_cast<uint64_t>(i));
    nlohmann::json object = value(value, random, 4);
    if (object.is_object() && random() % 2 == 0)
      object["actions"] = {{"upload", {{"href", "https://s/x"}, {"header", value(value, random, 1)}}}};
    try {
      const UploadPlan plan = parse_upload_plan(object, file);
      uint64_t at = 0;
      for (const UploadPart& part : plan.parts) {
        ASSERT_EQ(part.begin, at);
        ASSERT_TRUE(parse_url(part.address));
        at += part.size;
      }
      ASSERT_TRUE(plan.parts.empty() || at == file.size);
      accepted += plan.parts.empty() ? 0 : 1;
    } catch (const Error& e) {
      ASSERT_EQ(e.code(), ErrorCode::kIo) << object;
    }
  }
  EXPECT_GT(accepted, 20);
}

}  // namespace
}  // namespace swan::hub

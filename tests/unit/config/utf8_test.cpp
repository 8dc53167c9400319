#include "config/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace swan::config {
namespace {

TEST(Utf8, WellFormedUtf8IsAccepted) {
  for (const char* text :
       {"", "abc", "\xC2\x80", "é", "狐狸", "\xEF\xBF\xBF", "🍓", "\xF4\x8F\xBF\xBF", "\xED\x9F\xBF"}) {
    EXPECT_EQ(find_invalid_utf8(text), std::string_view::npos) << text;
  }
}

TEST(Utf8, IllFormedUtf8IsFoundWhereItStarts) {
  // A stray continuation, an overlong form, a surrogate, a code point above U+10FFFF, and every way of being cut short.
  for (const char* bytes :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", "\xFF", "\xC3", "\xE7\x8B", "\xF0\x9F\x8D", "\xC3(", "\xE7\x8B(", "\xF0\x9F\x8D("}) {
    EXPECT_EQ(find_invalid_utf8("ab" + std::string(bytes)), 2U) << ::testing::PrintToString(bytes);
    EXPECT_EQ(find_invalid_utf8("ab" + std::string(bytes) + "c"), 2U) << ::testing::PrintToString(bytes);
  }
}

}  // namespace
}  // namespace swan::config

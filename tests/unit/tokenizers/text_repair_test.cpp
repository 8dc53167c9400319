// The parts of Wan's prompt cleaning, each on what prompt_cleaning_test.cpp reaches by accident only. The expected
// values are those of ftfy 6.3.1 and Python 3.11.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "tokenizers/text_repair/badness.h"
#include "tokenizers/text_repair/budget.h"
#include "tokenizers/text_repair/characters.h"
#include "tokenizers/text_repair/charmaps.h"
#include "tokenizers/text_repair/fix_text.h"
#include "tokenizers/text_repair/html_entities.h"
#include "tokenizers/text_repair/mojibake.h"
#include "tokenizers/text_repair/unicode_strings.h"
#include "tokenizers/text_repair/utf8_variants.h"

namespace swan::tokenizers::text_repair {
namespace {

using namespace std::string_literals;  // NOLINT(google-build-using-namespace): literals only

std::string repaired(const std::string& text) { return to_utf8(fix_text(from_utf8(text))); }

TEST(TextRepairTest, EveryCharmapDecodesWhatItEncodes) {
  for (int i = 0; i < kCharmapCount; ++i) {
    const auto charmap = static_cast<Charmap>(i);
    std::string bytes;
    std::u32string text;
    for (int byte = 0; byte < 256; ++byte) {
      bytes += static_cast<char>(byte);
      text += decode(static_cast<uint8_t>(byte), charmap);
    }
    EXPECT_EQ(encode(text, charmap), bytes) << i;
    EXPECT_EQ(encode(U"\u732B", charmap), std::nullopt) << i;
    EXPECT_EQ(encode(U"\x1A", charmap).has_value(), !is_sloppy(charmap)) << i;
    EXPECT_EQ(encode(U"\uFFFD", charmap).has_value(), is_sloppy(charmap)) << i;
  }
  EXPECT_EQ(decode(0x80, Charmap::kWindows1252), U'\u20AC');
  EXPECT_EQ(decode(0x81, Charmap::kWindows1252), U'\u0081');
  EXPECT_EQ(decode(0xF0, Charmap::kMacRoman), U'\uF8FF');
}

TEST(TextRepairTest, DecodesVariantsOfUtf8) {
  EXPECT_EQ(decode_utf8_variants("a\u00E9\U0001F431"), U"a\u00E9\U0001F431");
  EXPECT_EQ(decode_utf8_variants("\xC0\x80"), U"\0"s);
  EXPECT_EQ(decode_utf8_variants("\xED\xA0\xBD\xED\xB8\x8D"), U"\U0001F60D");
  for (const char* wrong : {"\xC0", "\xC0\x81", "\xC1\x81", "\xED\xA0\xBD", "\xED\xB8\x8D\xED\xA0\xBD", "\xE0\x80\x80",
                            "\xF4\x90\x80\x80", "\x80", "\xC3"})
    EXPECT_EQ(decode_utf8_variants(wrong), std::nullopt);
  // Two accidents of the reference's patterns, whose $ also stands before a last line feed.
  EXPECT_EQ(decode_utf8_variants("\xC0\n"), U"\0"s);
  EXPECT_EQ(decode_utf8_variants("\xC0\nx"), std::nullopt);
  EXPECT_EQ(decode_utf8_variants("\xED\xA0\x80\xED\xB0\n"), U"\U0001000A");
}

TEST(TextRepairTest, KnowsMojibakeFromText) {
  for (const char32_t* text : {U"", U"plain", U"voil\u00E0", U"caf\u00E9 \u2014 10 \u20AC",
                               U"\u041F\u0440\u0438\u0432\u0435\u0442", U"\u4F60\u597D", U"A\u00C3 b", U"\u00D7 3"})
    EXPECT_FALSE(is_bad(text)) << to_utf8(text);
  for (const char32_t* text : {U"\u00C3\u00A9", U"\u00E2\u20AC\u2122", U"a\u0080", U"\u00C3 ", U"x\u00C3 ",
                               U"\u00E9\u201Da", U"\u0413\u045E\u0412\u0402\u0412\u2122 "})
    EXPECT_TRUE(is_bad(text)) << to_utf8(text);
}

TEST(TextRepairTest, UnescapesAsPythonDoes) {
  const std::vector<std::pair<std::u32string, std::u32string>> cases = {{U"&amp;lt;", U"&lt;"},
                                                                        {U"&notit;", U"\u00ACit;"},
                                                                        {U"&notin;", U"\u2209"},
                                                                        {U"&amp\u732B", U"&\u732B"},
                                                                        {U"&#x80;&#129", U"\u20AC\u0081"},
                                                                        {U"&#0;&#xD800;", U"\uFFFD\uFFFD"},
                                                                        {U"&#1;&#127;&#xFFFE;", U""},
                                                                        {U"&#13;", U"\r"},
                                                                        {U"&#99999999999;", U"\uFFFD"},
                                                                        {U"&bne;", U"=\u20E5"},
                                                                        {U"&;&#;&#x;&a;", U"&;&#;&#x;&a;"}};
  for (const auto& [text, expected] : cases) EXPECT_EQ(unescape_html(text), expected) << to_utf8(text);
}

TEST(TextRepairTest, UnescapesWithCautionBeforeThat) {
  const std::vector<std::pair<std::u32string, std::u32string>> cases = {
      {U"&amp", U"&amp"},
      {U"&eacute;&EACUTE;&Eacute;", U"\u00E9\u00C9\u00C9"},
      {U"&SZLIG;&FFILIG;", U"SSFFI"},
      {U"&eACUTE;", U"&eACUTE;"},
      {U"&#59;", U"&#59;"},  // its value would be a semicolon
      {U"&#12ab;", U"&#12ab;"},
      {U"&CounterClockwiseContourIntegral;", U"&CounterClockwiseContourIntegral;"}};  // too long
  for (const auto& [text, expected] : cases) EXPECT_EQ(unescape_html_cautiously(text), expected) << to_utf8(text);
}

TEST(TextRepairTest, ATagEndsUnescapingForTheLinesBelow) {
  EXPECT_EQ(repaired("&eacute;\n<\n&eacute;"), "\u00E9\n<\n&eacute;");
}

TEST(TextRepairTest, RemovesEscapesAndControls) {
  EXPECT_EQ(remove_terminal_escapes(U"\x1B[36;44mblue\x1B[0m\x1B[\x1B[;"), U"blue\x1B[\x1B[;");
  EXPECT_EQ(remove_control_chars(U"a\0\t\v\f\x1F\x7F\x80\uFEFF\uFFF9\uFFFC\uFFFD\u200D"s), U"a\t\f\x80\uFFFD\u200D");
  EXPECT_EQ(fix_line_breaks(U"a\r\n\rb\u2028\u2029\u0085"), U"a\n\nb\n\n\n");
}

TEST(TextRepairTest, SegmentsAreLinesOfAtMostAMillionCharacters) {
  const std::string e = "\u00C3\u00A9";
  EXPECT_EQ(repaired(e + "\n" + e), "\u00E9\n\u00E9");
  const std::string long_line = repaired(std::string(999'999, 'a') + e);
  EXPECT_EQ(long_line.substr(999'999), e);  // cut in the middle of what would be repaired
  EXPECT_EQ(repaired(std::string(9, 'a') + e).substr(9), "\u00E9");
}

// Each repair uncovers the next: what would take the reference quadratic time, or ICU.
TEST(TextRepairTest, HostileTextTakesLinearTime) {
  const auto repeated = [](std::string_view text, int count) {
    std::string result;
    for (int i = 0; i < count; ++i) result += text;
    return result;
  };
  const auto start = std::chrono::steady_clock::now();
  for (const std::string& text :
       {"&" + repeated("amp;", 20'000), "\u732B" + repeated("\u00C2\u00BC\u00C3", 20'000),
        "a" + repeated("\u0301\u0323", 25'000), repeated("\u0F73", 25'000), repeated("\x1B[", 25'000),
        "&#" + repeated("9", 50'000), "\x1B[" + repeated("1", 50'000), repeated("\u00C3 ", 25'000),
        repeated("\u00C3\u00A9\n", 15'000)})
    EXPECT_FALSE(repaired(text).empty());
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  EXPECT_LT(elapsed.count(), 60);  // a second or two; quadratic, minutes
}

TEST(TextRepairTest, TheBudgetIsSpentOnce) {
  Budget budget(10);
  EXPECT_TRUE(budget.spend((size_t{1} << 16) + 999));
  EXPECT_FALSE(budget.spend(2));
  EXPECT_TRUE(budget.spend(1));
  EXPECT_EQ(fix_encoding(U"\u00C3\u00A9", budget), U"\u00C3\u00A9");
}

// 100 layers are repaired as the reference does it.
TEST(TextRepairTest, DeepNestsAreWithinTheBudget) {
  std::string text = "&";
  for (int i = 0; i < 100; ++i) text += "amp;";
  EXPECT_EQ(repaired(text + "eacute;"), "\u00E9");
  std::u32string mojibake = U"\u732B";
  for (int i = 0; i < 8; ++i) {
    const std::string bytes = to_utf8(mojibake);
    mojibake.clear();
    for (const char byte : bytes) mojibake += decode(static_cast<uint8_t>(byte), Charmap::kLatin1);
  }
  EXPECT_EQ(to_utf8(fix_text(mojibake)), "\u732B");
}

}  // namespace
}  // namespace swan::tokenizers::text_repair

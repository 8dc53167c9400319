#include "tokenizers/text_repair/mojibake.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "tokenizers/text_repair/badness.h"
#include "tokenizers/text_repair/charmaps.h"
#include "tokenizers/text_repair/sequences.h"
#include "tokenizers/text_repair/utf8_variants.h"

namespace swan::tokenizers::text_repair {
namespace {

// UTF-8 whose byte A0 became a space. Ref: ftfy 6.3.1 chardata.py, ALTERED_UTF8_RE
const Sequences& altered_utf8() {
  static const Sequences rules{R"([\xC2\xC3\xC5\xCE\xD0\xD9] \u0020)",
                               R"([\xE2\xE3] \u0020 [\x80-\x84\x86-\x9F\xA1-\xBF])",
                               R"([\xE0-\xE3] [\x80-\x84\x86-\x9F\xA1-\xBF] \u0020)",
                               R"(\xF0 \u0020 [\x80-\xBF] [\x80-\xBF])",
                               R"(\xF0 [\x80-\xBF] \u0020 [\x80-\xBF])",
                               R"(\xF0 [\x80-\xBF] [\x80-\xBF] \u0020)"};
  return rules;
}

// UTF-8 and CESU-8 of which bytes were lost: 1A stands for U+FFFD, and a question mark may once.
// Ref: ftfy 6.3.1 chardata.py, LOSSY_UTF8_RE
const Sequences& lossy_utf8() {
  static const Sequences rules{R"([\xC2-\xDF] \x1A)",
                               R"([\xC2-\xC3] ?)",
                               R"(\xED [\xA0-\xAF] [\x1A?] \xED [\xB0-\xBF] [\x1A?\x80-\xBF])",
                               R"(\xED [\xA0-\xAF] [\x1A?\x80-\xBF] \xED [\xB0-\xBF] [\x1A?])",
                               R"([\xE0-\xEF] [\x1A?] [\x1A\x80-\xBF])",
                               R"([\xE0-\xEF] [\x1A\x80-\xBF] [\x1A?])",
                               R"([\xF0-\xF4] [\x1A?] [\x1A\x80-\xBF] [\x1A\x80-\xBF])",
                               R"([\xF0-\xF4] [\x1A\x80-\xBF] [\x1A?] [\x1A\x80-\xBF])",
                               R"([\xF0-\xF4] [\x1A\x80-\xBF] [\x1A\x80-\xBF] [\x1A?])",
                               R"(\x1A)"};
  return rules;
}

// Ref: ftfy 6.3.1 chardata.py, UTF8_DETECTOR_RE
const Sequences& utf8_like() {
  static const Sequences rules{"[{utf8_first_of_2}] [{utf8_continuation}]",
                               "[{utf8_first_of_3}] [{utf8_continuation}] [{utf8_continuation}]",
                               "[{utf8_first_of_4}] [{utf8_continuation}] [{utf8_continuation}] [{utf8_continuation}]"};
  return rules;
}
const icu::UnicodeSet& strict_continuation() {
  static const icu::UnicodeSet characters = character_set("{utf8_continuation_strict}");
  return characters;
}

// The bytes with each match replaced by what `replace` makes of it.
template <typename Replace>
std::string substitute(std::string_view bytes, const Sequences& sequences, const Replace& replace) {
  std::string result;
  result.reserve(bytes.size());
  for (size_t i = 0; i < bytes.size();) {
    const size_t length = sequences.match(bytes, i);
    if (length == 0) {
      result += bytes[i++];
    } else {
      result += replace(std::string(bytes.substr(i, length)));
      i += length;
    }
  }
  return result;
}

// "à" as a word of its own, whose A0 and the space after it became one space; not Portuguese "às", "àquele".
// Ref: ftfy 6.3.1 fixes.py, A_GRAVE_WORD_RE
std::string restore_a_grave(std::string_view bytes) {
  std::string result;
  for (size_t i = 0; i < bytes.size(); ++i) {
    result += bytes[i];
    if (!bytes.substr(i).starts_with("\xC3 ")) continue;
    const std::string_view after = bytes.substr(i + 2);
    constexpr std::array<std::string_view, 5> kNot = {" ", "quele", "quela", "quilo", "s "};
    if (std::none_of(kNot.begin(), kNot.end(), [&](std::string_view word) { return after.starts_with(word); }))
      result += '\xA0';
  }
  return result;
}

// What the text is if it was UTF-8 decoded with this charmap.
std::optional<std::u32string> undo(std::string bytes, Charmap charmap) {
  // In MacRoman it would be a dash before a space.
  if (charmap != Charmap::kMacRoman && altered_utf8().found_in(std::string_view(bytes))) {
    bytes = substitute(restore_a_grave(bytes), altered_utf8(), [](std::string match) {
      std::replace(match.begin(), match.end(), ' ', '\xA0');
      return match;
    });
  }
  if (is_sloppy(charmap)) bytes = substitute(bytes, lossy_utf8(), [](const std::string&) { return "\xEF\xBF\xBD"; });
  return decode_utf8_variants(bytes);
}

// Repairs what looks like UTF-8 in places. Ref: ftfy 6.3.1 fixes.py, decode_inconsistent_utf8
std::u32string decode_inconsistent_utf8(std::u32string_view text, Budget& budget) {
  std::u32string result;
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    if (i == 0 || strict_continuation().contains(static_cast<UChar32>(text[i - 1])) == 0)
      for (size_t length = 0; (length = utf8_like().match(text, end)) != 0;) end += length;
    if (end == i) {
      result += text[i++];
      continue;
    }
    const std::u32string_view match = text.substr(i, end - i);
    // Shorter than the text, or it would never end.
    const bool fixes = match.size() < text.size() && is_bad(match);
    result += fixes ? fix_encoding(std::u32string(match), budget) : std::u32string(match);
    i = end;
  }
  return result;
}

bool is_c1(char32_t c) noexcept { return c >= 0x80 && c <= 0x9F; }

// One step of the reference's loop. Ref: ftfy 6.3.1 __init__.py, _fix_encoding_one_step_and_explain
std::u32string fix_one_step(const std::u32string& text, Budget& budget) {
  if (!is_bad(text)) return text;
  for (int i = 0; i < kCharmapCount; ++i) {
    const auto charmap = static_cast<Charmap>(i);
    std::optional<std::string> bytes = encode(text, charmap);
    if (!bytes) continue;
    if (auto undone = undo(std::move(*bytes), charmap)) return *std::move(undone);
  }
  std::u32string fixed = decode_inconsistent_utf8(text, budget);
  if (fixed != text) return fixed;

  // Latin-1 with C1 controls was meant as Windows-1252. The reference does this in two steps of one effect: for all of
  // the text where Windows-1252 can decode it, else for the controls alone.
  return fix_c1_controls(std::move(fixed));
}

}  // namespace

std::u32string fix_c1_controls(std::u32string text) {
  for (char32_t& c : text)
    if (is_c1(c)) c = decode(static_cast<uint8_t>(c), Charmap::kWindows1252);
  return text;
}

std::u32string fix_encoding(std::u32string text, Budget& budget) {
  const auto is_ascii = [](const std::u32string& t) {
    return std::all_of(t.begin(), t.end(), [](char32_t c) { return c < 0x80; });
  };
  while (!is_ascii(text) && budget.spend(text.size())) {
    std::u32string fixed = fix_one_step(text, budget);
    if (fixed == text) break;
    text = std::move(fixed);
  }
  return text;
}

}  // namespace swan::tokenizers::text_repair

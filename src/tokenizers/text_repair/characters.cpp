#include "tokenizers/text_repair/characters.h"

#include <unicode/uchar.h>

#include <algorithm>

#include "tokenizers/text_repair/unicode_strings.h"

namespace swan::tokenizers::text_repair {
namespace {

struct Ligature {
  char32_t character;
  std::u32string_view letters;
};
// Ref: ftfy 6.3.1 chardata.py, LIGATURES
constexpr Ligature kLigatures[] = {{U'Ĳ', U"IJ"}, {U'ĳ', U"ij"}, {U'ŉ', U"ʼn"}, {U'Ǳ', U"DZ"},  {U'ǲ', U"Dz"},
                                   {U'ǳ', U"dz"}, {U'Ǆ', U"DŽ"}, {U'ǅ', U"Dž"}, {U'ǆ', U"dž"},  {U'Ǉ', U"LJ"},
                                   {U'ǈ', U"Lj"}, {U'ǉ', U"lj"}, {U'Ǌ', U"NJ"}, {U'ǋ', U"Nj"},  {U'ǌ', U"nj"},
                                   {U'ﬀ', U"ff"}, {U'ﬁ', U"fi"}, {U'ﬂ', U"fl"}, {U'ﬃ', U"ffi"}, {U'ﬄ', U"ffl"},
                                   {U'ﬅ', U"ſt"}, {U'ﬆ', U"st"}};

bool is_control(char32_t c) noexcept {
  return c <= 0x08 || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || (c >= 0x206A && c <= 0x206F) ||
         c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFC);
}

// ESC [ digits and semicolons, a letter: the length of this at the start of the text, 0 if there is none.
size_t escape_length(std::u32string_view text) noexcept {
  if (!text.starts_with(U"\x1B[")) return 0;
  size_t i = 2;
  while (i < text.size() && (text[i] == ';' || u_isdigit(static_cast<UChar32>(text[i])) != 0)) ++i;
  const bool letter = i < text.size() && ((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z'));
  return letter ? i + 1 : 0;
}

}  // namespace

std::u32string fix_latin_ligatures(std::u32string_view text) {
  std::u32string result;
  result.reserve(text.size());
  for (const char32_t c : text) {
    const auto* it = std::find_if(std::begin(kLigatures), std::end(kLigatures),
                                  [c](const Ligature& ligature) { return ligature.character == c; });
    if (it == std::end(kLigatures)) {
      result += c;
    } else {
      result += it->letters;
    }
  }
  return result;
}

std::u32string fix_character_width(std::u32string_view text) {
  std::u32string result;
  result.reserve(text.size());
  for (const char32_t c : text) {
    if (c == 0x3000) {
      result += U' ';
    } else if (c >= 0xFF01 && c <= 0xFFEF) {
      result += to_nfkc(c);
    } else {
      result += c;
    }
  }
  return result;
}

std::u32string uncurl_quotes(std::u32string text) {
  for (char32_t& c : text) {
    if (c == 0x02BC || (c >= 0x2018 && c <= 0x201B)) c = U'\'';
    if (c >= 0x201C && c <= 0x201F) c = U'"';
  }
  return text;
}

std::u32string fix_line_breaks(std::u32string_view text) {
  std::u32string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with(U"\r\n")) continue;
    const char32_t c = text[i];
    result += c == '\r' || c == 0x85 || c == 0x2028 || c == 0x2029 ? U'\n' : c;
  }
  return result;
}

std::u32string remove_terminal_escapes(std::u32string_view text) {
  std::u32string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const size_t length = escape_length(text.substr(i));
    if (length == 0) result += text[i];
    i += std::max<size_t>(length, 1);
  }
  return result;
}

std::u32string remove_control_chars(std::u32string text) {
  std::erase_if(text, is_control);
  return text;
}

}  // namespace swan::tokenizers::text_repair

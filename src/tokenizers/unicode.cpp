#include "tokenizers/unicode.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

namespace swan::tokenizers {
namespace {

const uint8_t* bytes_of(std::string_view text) noexcept { return reinterpret_cast<const uint8_t*>(text.data()); }

}  // namespace

bool is_utf8(std::string_view text) noexcept {
  const auto size = static_cast<int64_t>(text.size());
  for (int64_t i = 0; i < size;) {
    UChar32 c = 0;
    U8_NEXT(bytes_of(text), i, size, c);
    if (c < 0) return false;
  }
  return true;
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  const auto size = static_cast<int64_t>(text.size());
  for (int64_t i = 0; i < size;) {
    const int64_t start = i;
    UChar32 c = 0;
    U8_NEXT(bytes_of(text), i, size, c);
    result += c < 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(start, i - start);
  }
  return result;
}

bool is_white_space(int32_t code_point) noexcept { return u_isUWhiteSpace(code_point) != 0; }

bool is_word_character(int32_t code_point) noexcept {
  constexpr uint32_t kWord = U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK;
  return u_isUAlphabetic(code_point) != 0 || (U_MASK(u_charType(code_point)) & kWord) != 0 ||
         u_hasBinaryProperty(code_point, UCHAR_JOIN_CONTROL) != 0;
}

int32_t previous_character(std::string_view text, size_t& position) noexcept {
  if (position == 0) return -1;
  // ICU steps back with int32 indices; a character has at most four bytes.
  const size_t base = position > 4 ? position - 4 : 0;
  auto i = static_cast<int32_t>(position - base);
  UChar32 c = 0;
  U8_PREV(bytes_of(text) + base, 0, i, c);
  position = base + static_cast<size_t>(i);
  return c;
}

int32_t next_character(std::string_view text, size_t& position) noexcept {
  if (position >= text.size()) return -1;
  auto i = static_cast<int64_t>(position);
  UChar32 c = 0;
  U8_NEXT(bytes_of(text), i, static_cast<int64_t>(text.size()), c);
  position = static_cast<size_t>(i);
  return c;
}

}  // namespace swan::tokenizers

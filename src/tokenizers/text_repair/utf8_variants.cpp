#include "tokenizers/text_repair/utf8_variants.h"

#include <unicode/utf8.h>

namespace swan::tokenizers::text_repair {
namespace {

uint8_t byte_at(std::string_view bytes, size_t at) noexcept { return static_cast<uint8_t>(bytes[at]); }

// The length of NUL as Java has it. The reference's pattern also takes a line feed that ends the text after C0.
size_t java_nul(std::string_view rest) noexcept { return rest.starts_with("\xC0\x80") || rest == "\xC0\n" ? 2 : 0; }

// The character of a surrogate pair as two sequences of three bytes, or -1. The reference's pattern also takes a line
// feed that ends the text for the last byte.
UChar32 surrogate_pair(std::string_view rest) noexcept {
  if (rest.size() < 6 || byte_at(rest, 0) != 0xED || byte_at(rest, 3) != 0xED) return -1;
  const auto within = [&](size_t at, uint8_t low, uint8_t high) {
    return byte_at(rest, at) >= low && byte_at(rest, at) <= high;
  };
  const bool last = within(5, 0x80, 0xBF) || (rest.size() == 6 && rest[5] == '\n');
  if (!within(1, 0xA0, 0xAF) || !within(2, 0x80, 0xBF) || !within(4, 0xB0, 0xBF) || !last) return -1;
  return ((byte_at(rest, 1) & 0x0F) << 16) + ((byte_at(rest, 2) & 0x3F) << 10) + ((byte_at(rest, 4) & 0x0F) << 6) +
         (byte_at(rest, 5) & 0x3F) + 0x10000;
}

}  // namespace

std::optional<std::u32string> decode_utf8_variants(std::string_view bytes) {
  std::u32string text;
  text.reserve(bytes.size());
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  const auto size = static_cast<int64_t>(bytes.size());
  for (int64_t i = 0; i < size;) {
    const std::string_view rest = bytes.substr(static_cast<size_t>(i));
    if (const size_t nul = java_nul(rest); nul != 0) {
      text += U'\0';
      i += static_cast<int64_t>(nul);
      continue;
    }
    UChar32 c = surrogate_pair(rest);
    if (c >= 0) {
      i += 6;
    } else {
      U8_NEXT(data, i, size, c);
      if (c < 0) return std::nullopt;
    }
    text += static_cast<char32_t>(c);
  }
  return text;
}

}  // namespace swan::tokenizers::text_repair

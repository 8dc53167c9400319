#include "tokenizers/text_repair/charmaps.h"

#include <array>
#include <unordered_map>

namespace swan::tokenizers::text_repair {
namespace {

struct Table {
  const char* name;
  bool sloppy;
  std::array<char16_t, 128> upper_half;
};
constexpr std::array<Table, kCharmapCount> kTables = {{
#include "tokenizers/text_repair/charmaps.inc"
}};
constexpr char32_t kReplacement = 0xFFFD;
constexpr uint8_t kSubstitute = 0x1A;

const Table& table_of(Charmap charmap) noexcept { return kTables[static_cast<size_t>(charmap)]; }

// For each character beyond ASCII its byte in each charmap, 0 where there is none.
using Bytes = std::array<uint8_t, kCharmapCount>;
const std::unordered_map<char32_t, Bytes>& bytes_of_characters() {
  static const auto all = [] {
    std::unordered_map<char32_t, Bytes> bytes;
    for (size_t m = 0; m < kTables.size(); ++m) {
      for (size_t i = 0; i < 128; ++i) bytes[kTables[m].upper_half[i]][m] = static_cast<uint8_t>(128 + i);
      if (kTables[m].sloppy) bytes[kReplacement][m] = kSubstitute;
    }
    return bytes;
  }();
  return all;
}

}  // namespace

bool is_sloppy(Charmap charmap) noexcept { return table_of(charmap).sloppy; }

std::optional<std::string> encode(std::u32string_view text, Charmap charmap) {
  std::string bytes;
  bytes.reserve(text.size());
  for (const char32_t c : text) {
    if (c < 0x80) {
      if (c == kSubstitute && is_sloppy(charmap)) return std::nullopt;
      bytes += static_cast<char>(c);
      continue;
    }
    const auto it = bytes_of_characters().find(c);
    const uint8_t byte = it == bytes_of_characters().end() ? 0 : it->second[static_cast<size_t>(charmap)];
    if (byte == 0) return std::nullopt;
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

char32_t decode(uint8_t byte, Charmap charmap) noexcept {
  if (byte >= 0x80) return table_of(charmap).upper_half[byte - 0x80U];
  return byte == kSubstitute && is_sloppy(charmap) ? kReplacement : byte;
}

}  // namespace swan::tokenizers::text_repair

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace swan::tokenizers::text_repair {

/// The encodings of one byte a character that text is taken for by mistake, in the order in which they are tried. The
/// sloppy ones take an unassigned byte for the Latin-1 character, and U+FFFD for byte 1A.
/// Ref: ftfy 6.3.1 chardata.py, CHARMAP_ENCODINGS; bad_codecs/sloppy.py
enum class Charmap : uint8_t {
  kLatin1,
  kWindows1252,
  kWindows1251,
  kWindows1250,
  kWindows1253,
  kWindows1254,
  kWindows1257,
  kIso8859_2,
  kMacRoman,
  kCp437,
};
inline constexpr int kCharmapCount = 10;

[[nodiscard]] bool is_sloppy(Charmap charmap) noexcept;
/// The bytes that this charmap would decode to the text, or nothing where there are none.
[[nodiscard]] std::optional<std::string> encode(std::u32string_view text, Charmap charmap);
/// The character that a byte stands for.
[[nodiscard]] char32_t decode(uint8_t byte, Charmap charmap) noexcept;

}  // namespace swan::tokenizers::text_repair

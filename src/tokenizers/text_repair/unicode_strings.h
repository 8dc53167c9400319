#pragma once

#include <unicode/unistr.h>

#include <string>
#include <string_view>

namespace swan::tokenizers::text_repair {

/// Conversions between UTF-32, in which text is repaired, ICU's UTF-16 and UTF-8. Text is at most 2^28 characters.
[[nodiscard]] icu::UnicodeString to_icu(std::u32string_view text);
[[nodiscard]] std::u32string from_icu(const icu::UnicodeString& text);
/// @param text  valid UTF-8
[[nodiscard]] std::u32string from_utf8(std::string_view text);
[[nodiscard]] std::string to_utf8(std::u32string_view text);

/// Unicode's normalisation form C, in time n log n at most.
[[nodiscard]] std::u32string to_nfc(std::u32string text);
/// Form KC of one character.
[[nodiscard]] std::u32string to_nfkc(char32_t c);

}  // namespace swan::tokenizers::text_repair

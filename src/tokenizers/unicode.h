#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace swan::tokenizers {

[[nodiscard]] bool is_utf8(std::string_view text) noexcept;
/// The text with U+FFFD for each maximal run of bytes that starts but does not make a character (Unicode 15,
/// section 3.9).
[[nodiscard]] std::string replace_invalid_utf8(std::string_view text);

/// Unicode's White_Space, which is \s of the reference's regular expressions.
[[nodiscard]] bool is_white_space(int32_t code_point) noexcept;
/// \w of the reference's regular expressions: letters, marks, decimal digits, connecting punctuation, joiners.
[[nodiscard]] bool is_word_character(int32_t code_point) noexcept;

/// The character that ends before, or starts at, `position` of valid UTF-8, moving `position` over it; -1 at the end.
[[nodiscard]] int32_t previous_character(std::string_view text, size_t& position) noexcept;
[[nodiscard]] int32_t next_character(std::string_view text, size_t& position) noexcept;

}  // namespace swan::tokenizers

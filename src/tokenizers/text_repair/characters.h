#pragma once

#include <string>
#include <string_view>

namespace swan::tokenizers::text_repair {

/// The fixes that look at one or two characters at a time. Ref: ftfy 6.3.1 fixes.py, the functions of these names

/// Ligatures of Latin letters as their letters.
[[nodiscard]] std::u32string fix_latin_ligatures(std::u32string_view text);
/// Halfwidth and fullwidth forms, and the ideographic space, as the usual ones.
[[nodiscard]] std::u32string fix_character_width(std::u32string_view text);
/// Curly quotation marks as straight ones.
[[nodiscard]] std::u32string uncurl_quotes(std::u32string text);
/// CR LF, CR, NEL, LINE SEPARATOR and PARAGRAPH SEPARATOR as LF.
[[nodiscard]] std::u32string fix_line_breaks(std::u32string_view text);
/// Without the terminals' escape sequences for colours and the like.
[[nodiscard]] std::u32string remove_terminal_escapes(std::u32string_view text);
/// Without control characters that mean nothing in text; tabs, line and form feeds stay.
[[nodiscard]] std::u32string remove_control_chars(std::u32string text);

}  // namespace swan::tokenizers::text_repair

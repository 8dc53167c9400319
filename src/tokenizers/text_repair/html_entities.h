#pragma once

#include <string>
#include <string_view>

namespace swan::tokenizers::text_repair {

/// Every character reference of HTML 5 replaced, as Python's html.unescape does: names with and, where HTML has them
/// so, without semicolon, numbers of any size, invalid ones as HTML says. Ref: CPython Lib/html/__init__.py
[[nodiscard]] std::u32string unescape_html(std::u32string_view text);

/// The unambiguous ones only: with semicolon, and of at most 24 letters; also names in capitals (&EACUTE;).
/// Ref: ftfy 6.3.1 fixes.py, unescape_html
[[nodiscard]] std::u32string unescape_html_cautiously(std::u32string_view text);

}  // namespace swan::tokenizers::text_repair

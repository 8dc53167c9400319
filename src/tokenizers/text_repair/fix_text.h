#pragma once

#include <string>
#include <string_view>

namespace swan::tokenizers::text_repair {

/// ftfy.fix_text with its defaults: line by line, undoes mojibake and HTML escapes, replaces typographical characters
/// by plain ones, removes controls and normalises to NFC, until nothing changes. Time is linear: repairs that would
/// need a hundred rounds stop short, which the reference does not.
/// @param text  Unicode characters, no surrogates; at most 2^28
/// Ref: ftfy 6.3.1 (Robyn Speer, Apache-2.0) __init__.py, fix_text
[[nodiscard]] std::u32string fix_text(std::u32string_view text);

}  // namespace swan::tokenizers::text_repair

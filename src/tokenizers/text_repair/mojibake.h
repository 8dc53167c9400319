#pragma once

#include <string>

#include "tokenizers/text_repair/budget.h"

namespace swan::tokenizers::text_repair {

/// Undoes mojibake, UTF-8 that was decoded with a wrong encoding, once or several times over, in the whole text or in
/// parts of it. Text that does not look like it stays. Ref: ftfy 6.3.1 __init__.py, fix_encoding
[[nodiscard]] std::u32string fix_encoding(std::u32string text, Budget& budget);

/// C1 controls as the characters that Windows-1252 has in their places. Ref: ftfy 6.3.1 fixes.py, fix_c1_controls
[[nodiscard]] std::u32string fix_c1_controls(std::u32string text);

}  // namespace swan::tokenizers::text_repair

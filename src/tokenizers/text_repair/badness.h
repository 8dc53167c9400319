#pragma once

#include <string_view>

namespace swan::tokenizers::text_repair {

/// Whether the text has a sequence of characters that hardly occurs but in mojibake, text decoded with a wrong
/// encoding. Linear in time. Ref: ftfy 6.3.1 badness.py, is_bad
[[nodiscard]] bool is_bad(std::u32string_view text);

}  // namespace swan::tokenizers::text_repair

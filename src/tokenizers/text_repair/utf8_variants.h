#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace swan::tokenizers::text_repair {

/// The text that the bytes are UTF-8 of, or nothing where they are not. Beside UTF-8, CESU-8 counts (surrogates as
/// three bytes each) and Java's C0 80 for NUL. Ref: ftfy 6.3.1 bad_codecs/utf8_variants.py
[[nodiscard]] std::optional<std::u32string> decode_utf8_variants(std::string_view bytes);

}  // namespace swan::tokenizers::text_repair

#pragma once

#include <string>
#include <string_view>

namespace swan::tokenizers {

/// Checks a precompiled_charsmap, sentencepiece's normalisation table: the size of a double-array trie (u32), the trie
/// (Darts-clone units), and the replacements, each ended by NUL. Sentencepiece walks the trie without any bounds check,
/// so that whatever can be reached from the root must be proved to stay inside the table before it may see it.
/// @param path  the file it came from, for messages
/// @throws Error kCorruptFile
void check_charsmap(std::string_view charsmap, const std::string& path);

/// @throws Error kCorruptFile when the text is not base64
[[nodiscard]] std::string decode_base64(std::string_view text, const std::string& path);

}  // namespace swan::tokenizers

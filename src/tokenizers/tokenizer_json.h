#pragma once

#include <string>
#include <string_view>

#include "tokenizers/definition.h"

namespace swan::tokenizers {

/// Reads a tokenizer.json: a BPE model with Gemma's normaliser, or a unigram model with T5's.
///
/// A BPE table of merges becomes sentencepiece scores: a piece scores minus the rank of the first merge that makes it.
/// That gives the same ids only when the merges are those that follow from scores, as sentencepiece-trained tokenizers
/// have them; this is checked, and other tables are refused.
/// @param path  the file that `text` came from, for messages
/// @throws Error kCorruptFile; kUnsupported naming the model, normaliser, pre-tokenizer or post-processor
[[nodiscard]] TokenizerDefinition read_tokenizer_json(std::string_view text, const std::string& path);

}  // namespace swan::tokenizers

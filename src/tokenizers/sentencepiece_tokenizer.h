#pragma once

#include <memory>

#include "tokenizers/definition.h"
#include "tokenizers/tokenizer.h"
#include "tokenizers/tokenizer_config.h"

namespace swan::tokenizers {

/// Builds a tokenizer from what its files say.
/// @throws Error kCorruptFile when they contradict each other; kUnsupported for another family than Gemma's and T5's
[[nodiscard]] std::unique_ptr<Tokenizer> make_tokenizer(TokenizerDefinition definition, const TokenizerConfig& config);

}  // namespace swan::tokenizers

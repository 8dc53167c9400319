#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/definition.h"

namespace swan::tokenizers {

// Sentencepiece's model file is a protocol buffer (sentencepiece_model.proto). Its generated code is not among the
// library's installed headers, and only a few fields matter here, so they are read and written by hand.

/// Reads a sentencepiece model: the pieces, the model type, and the normaliser's table and space rules.
/// @param path  the file that `bytes` came from, for messages
/// @throws Error kCorruptFile for damaged bytes; kUnsupported for word and character models
[[nodiscard]] TokenizerDefinition read_model_proto(std::string_view bytes, const std::string& path);

/// How a written model treats spaces.
struct SpaceRules {
  bool add_dummy_prefix = false;
  bool remove_extra_whitespaces = false;
};

/// Writes a model that sentencepiece loads. Piece ids are their places in `pieces`; Piece::id is not looked at.
[[nodiscard]] std::string write_model_proto(ModelType type, const std::vector<Piece>& pieces,
                                            std::string_view precompiled_charsmap, SpaceRules spaces);

}  // namespace swan::tokenizers

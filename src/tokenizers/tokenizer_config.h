#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tokenizers/definition.h"

namespace swan::tokenizers {

/// What the small JSON files beside a tokenizer say.
struct TokenizerConfig {
  std::string path = {};             ///< tokenizer_config.json, for messages
  std::string tokenizer_class = {};  ///< empty: not said
  std::optional<bool> add_bos_token = {}, add_eos_token = {};
  bool legacy = true;     ///< T5: the "▁" comes before every stretch of text, not the first alone
  int64_t extra_ids = 0;  ///< T5: how many <extra_id_N> follow the pieces
  std::string bos_token = {}, eos_token = {}, pad_token = {}, unk_token = {};
  std::vector<AddedToken> added_tokens = {};     ///< with ids
  std::vector<std::string> special_tokens = {};  ///< names without ids
};

/// Reads tokenizer_config.json, special_tokens_map.json and added_tokens.json; each may be absent.
/// @throws Error kCorruptFile naming the file and the key
[[nodiscard]] TokenizerConfig read_tokenizer_config(const std::string& directory);

}  // namespace swan::tokenizers

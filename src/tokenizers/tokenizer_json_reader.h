#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace swan::tokenizers {

/// tokenizer.json, parsed but not yet understood. The two tables hold nearly all of its bytes (Gemma-2's has 256,000
/// pieces and 580,000 merges in 34 MB), so they go straight into arrays and only the rest becomes a JSON tree.
struct TokenizerJson {
  struct Entry {
    std::string text = {};
    int64_t id = 0;      ///< BPE: as written; unigram: its place
    double score = 0.0;  ///< unigram only
  };
  nlohmann::json rest;         ///< without model.vocab and model.merges
  bool vocab_is_list = false;  ///< [[text, score], ...] as unigram models have it, not {text: id, ...}
  bool has_vocab = false, has_merges = false;
  std::vector<Entry> vocab;
  std::vector<std::pair<std::string, std::string>> merges;
};

/// @param path  the file that `text` came from, for messages
/// @throws Error kCorruptFile
[[nodiscard]] TokenizerJson parse_tokenizer_json(std::string_view text, const std::string& path);

}  // namespace swan::tokenizers

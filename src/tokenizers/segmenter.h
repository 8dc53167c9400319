#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/definition.h"

namespace sentencepiece {
class SentencePieceProcessor;
}

namespace swan::tokenizers {

/// Cuts text into pieces of a vocabulary, through sentencepiece. Knows nothing of special tokens. Thread-safe.
///
/// Sentencepiece gets a model made here rather than the file's own bytes, for three reasons: only what was checked
/// reaches it, whichever file the vocabulary came from; and the reference differs from sentencepiece in what it lets a
/// text match. In its unigram models every piece can match, also "<0x41>" or "<pad>" written out (the latter when
/// normalisation makes it from full-width letters, say).
class Segmenter {
 public:
  /// @throws Error kCorruptFile naming `path` for a vocabulary that does not make a model
  Segmenter(Vocabulary vocabulary, std::string path);
  ~Segmenter();

  /// Appends the ids of a stretch of text.
  /// @param text      valid UTF-8
  /// @param at_start  the stretch begins the whole text
  void encode(std::string_view text, bool at_start, std::vector<int32_t>& ids) const;

 private:
  using Processor = sentencepiece::SentencePieceProcessor;

  void add_byte_pieces();
  void add_literal_pieces();
  [[nodiscard]] std::unique_ptr<Processor> load(bool add_dummy_prefix) const;
  void run(const Processor& processor, std::string_view text, std::vector<int32_t>& ids) const;
  [[nodiscard]] const Processor& without_prefix() const;

  std::string path_;
  ModelType type_;
  WordPrefix word_prefix_;
  std::vector<Piece> pieces_;  // as sentencepiece has them: its index is a place here, Piece::id the tokenizer's
  std::vector<int32_t> ids_;   // the id of each
  std::string charsmap_;
  std::unique_ptr<Processor> processor_;
  mutable std::once_flag without_prefix_once_;
  mutable std::unique_ptr<Processor> without_prefix_;  // unigram; made when a stretch first needs it
};

}  // namespace swan::tokenizers

#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace swan::tokenizers {

// What a tokenizer is, whichever file it came from. Both readers fill these; the tokenizer is built from them alone, so
// that a repository with only one of the two files gives the same ids as one with both.

/// The numbers are those of sentencepiece's TrainerSpec.model_type.
enum class ModelType : uint8_t { kUnigram = 1, kBpe = 2 };

/// The numbers are those of sentencepiece's SentencePiece.type.
enum class PieceType : uint8_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };

struct Piece {
  std::string text = {};  ///< UTF-8, with U+2581 for a space
  int32_t id = 0;
  float score = 0.0F;
  PieceType type = PieceType::kNormal;
};

/// Where a text gets the "▁" that marks the start of a word although no space is there.
enum class WordPrefix : uint8_t {
  kAlways,  ///< before every stretch between two special tokens
  kFirst,   ///< before the text
  kNever,
};

struct Vocabulary {
  ModelType type = ModelType::kBpe;
  std::vector<Piece> pieces = {};  ///< ids ascend, no two alike
  bool byte_fallback = false;
  std::string precompiled_charsmap = {};        ///< sentencepiece's normalisation table; empty: none
  WordPrefix word_prefix = WordPrefix::kNever;  ///< unigram only
};

/// A token recognised in the text itself, before the model sees it.
struct AddedToken {
  std::string content = {};
  int32_t id = -1;
  bool single_word = false;  ///< not inside a word
  bool lstrip = false;       ///< takes the whitespace before it along
  bool rstrip = false;       ///< takes the whitespace after it along
  bool normalized = false;   ///< looked for only after those that are not
};

struct TokenizerDefinition {
  std::string path = {};  ///< the file that defines it, for messages
  Vocabulary vocabulary = {};
  bool lists_added_tokens = false;  ///< added_tokens is all; else control and user-defined pieces are added tokens
  std::vector<AddedToken> added_tokens = {};
  bool has_template = false;  ///< the file says what surrounds a text
  std::vector<int32_t> prefix_ids = {};
  std::vector<int32_t> suffix_ids = {};
};

/// Limits on what a tokenizer file may hold; real ones stay far below. They bound memory, and the time that a text can
/// take: no piece longer than this is ever compared.
inline constexpr int64_t kMaxTokenId = (int64_t{1} << 24) - 1;
inline constexpr size_t kMaxPieceBytes = 1024;

}  // namespace swan::tokenizers

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "swan/tensor.h"

namespace swan::tokenizers {

/// A batch of token ids, padded to one length.
struct Encoding {
  Tensor input_ids;       ///< [B, L] i32
  Tensor attention_mask;  ///< [B, L] i32, 1 for tokens, 0 for padding
};

/// The tokenizer of a text encoder: Gemma's (byte-pair encoding) or T5's (unigram), each with byte fallback. It gives
/// the ids that the repository's tokenizer.json gives in the reference. Immutable: safe to use from several threads.
/// Ref: transformers' GemmaTokenizer and T5Tokenizer; huggingface/tokenizers for the semantics of tokenizer.json
class Tokenizer {
 public:
  Tokenizer() = default;
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;
  virtual ~Tokenizer();

  /// Opens a repository's tokenizer folder: tokenizer.model or spiece.model, else tokenizer.json; with
  /// tokenizer_config.json, special_tokens_map.json and added_tokens.json where they exist. Or one of these files, by
  /// any name, without those beside it.
  /// @throws Error kNotFound saying what was looked for; kCorruptFile naming the file and what is wrong in it;
  ///         kUnsupported naming the feature of a tokenizer that is neither Gemma's nor T5's
  [[nodiscard]] static std::unique_ptr<Tokenizer> load(const std::string& path);
  /// A SentencePiece model that is in memory. @param name  of where it came from, for messages. @throws Error as load
  [[nodiscard]] static std::unique_ptr<Tokenizer> from_sentencepiece(std::string_view bytes, const std::string& name);

  /// The ids of a text with the special tokens that belong to it (Gemma: <bos> first; T5: </s> last), neither padded
  /// nor truncated. Special tokens written out in the text are recognised. Bytes that are not UTF-8 count as U+FFFD.
  [[nodiscard]] virtual std::vector<int32_t> encode(std::string_view text) const = 0;

  /// Encodes several texts, pads on the right with pad_id() and truncates to `length`; truncation keeps the special
  /// tokens at the end (T5's </s>).
  /// @throws Error kInvalidArgument without texts, or when `length` has no room for the special tokens
  [[nodiscard]] Encoding encode_batch(std::span<const std::string> texts, int64_t length) const;

  /// One more than the largest id that encode can return.
  [[nodiscard]] virtual int64_t vocab_size() const = 0;
  /// Ids of the special tokens; -1 where the tokenizer has none. Padding falls back to 0.
  [[nodiscard]] virtual int32_t pad_id() const = 0;
  [[nodiscard]] virtual int32_t bos_id() const = 0;
  [[nodiscard]] virtual int32_t eos_id() const = 0;
  [[nodiscard]] virtual int32_t unk_id() const = 0;

  /// What encode puts before and after the text's own tokens.
  [[nodiscard]] virtual std::span<const int32_t> prefix_ids() const = 0;
  [[nodiscard]] virtual std::span<const int32_t> suffix_ids() const = 0;
};

}  // namespace swan::tokenizers

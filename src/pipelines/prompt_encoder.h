#pragma once

#include <string>
#include <vector>

#include "core/context.h"
#include "io/repository.h"
#include "models/gemma2.h"
#include "pipelines/embed_store.h"
#include "pipelines/resident_network.h"
#include "tokenizers/tokenizer.h"

namespace swan::pipelines {

/// Sana's text side: cleans and tokenizes prompts and runs Gemma 2 over them, once for each distinct prompt. The
/// encoder is opened at the first text that the store does not know, and leaves memory with release(). Ref: diffusers
/// pipelines/sana/pipeline_sana.py, _get_gemma_prompt_embeds and encode_prompt
class PromptEncoder {
 public:
  /// @param compute  outlives this, as does store, where embeddings are kept
  PromptEncoder(const io::Repository& repository, std::string variant, const Compute& compute, EmbedStore& store);
  ~PromptEncoder();

  /// @param instruction  lines put before each prompt, joined by newlines; empty: none
  /// @return L = max_sequence_length. Rows beyond a prompt's tokens are those that the reference computes as far as any
  ///         other prompt's mask reaches, and zero after that: no mask shows them
  [[nodiscard]] PromptEmbeddings encode(const std::vector<std::string>& prompts,
                                        const std::vector<std::string>& instruction, int64_t max_sequence_length,
                                        Context& ctx);
  /// Gives the network's memory back, if it is large.
  void release();

 private:
  [[nodiscard]] const models::Gemma2Model& model();

  const io::Repository& repository_;
  std::string variant_;
  const Compute& compute_;
  std::unique_ptr<tokenizers::Tokenizer> tokenizer_;
  models::Gemma2Config config_;
  EmbedStore& store_;
  ResidentNetwork<models::Gemma2Model> model_;
};

}  // namespace swan::pipelines

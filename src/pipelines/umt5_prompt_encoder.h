#pragma once

#include <string>
#include <vector>

#include "core/context.h"
#include "io/repository.h"
#include "models/umt5.h"
#include "pipelines/embed_store.h"
#include "pipelines/resident_network.h"
#include "tokenizers/tokenizer.h"

namespace swan::pipelines {

/// Wan's text side: cleans and tokenizes prompts and runs UMT5 over them, all texts at once and each in its own length,
/// so that the weights, 11 GB in the published model, are read through once. The encoder is opened at the first text
/// that the store does not know, and leaves memory with release(). Ref: diffusers pipelines/wan/pipeline_wan.py,
/// _get_t5_prompt_embeds and encode_prompt
class UMT5PromptEncoder {
 public:
  /// @param compute  outlives this, as does store, where embeddings are kept
  UMT5PromptEncoder(const io::Repository& repository, std::string variant, const Compute& compute, EmbedStore& store);
  ~UMT5PromptEncoder();

  /// @return [B, max_sequence_length, D]; rows beyond a prompt's tokens are zeros, as the reference has them
  [[nodiscard]] PromptEmbeddings encode(const std::vector<std::string>& prompts, int64_t max_sequence_length,
                                        Context& ctx);
  /// Gives the network's memory back, if it is large.
  void release();

 private:
  [[nodiscard]] const models::UMT5EncoderModel& model();

  const io::Repository& repository_;
  std::string variant_;
  const Compute& compute_;
  std::unique_ptr<tokenizers::Tokenizer> tokenizer_;
  models::UMT5Config config_;
  EmbedStore& store_;
  ResidentNetwork<models::UMT5EncoderModel> model_;
};

}  // namespace swan::pipelines

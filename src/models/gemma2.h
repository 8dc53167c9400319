#pragma once

#include <vector>

#include "io/config.h"
#include "nn/layers.h"

namespace swan::models {

/// transformers' Gemma2Config, as far as the encoder needs it.
struct Gemma2Config {
  int64_t vocab_size, hidden_size, intermediate_size, num_hidden_layers;
  int64_t num_attention_heads, num_key_value_heads, head_dim, sliding_window;
  double rms_norm_eps, rope_theta, query_pre_attn_scalar, attn_logit_softcapping;
  std::vector<bool> sliding;  ///< per layer
  bool attention_bias;

  /// @throws Error kCorruptFile naming a key that is absent or out of range; kUnsupported for a variant we lack
  [[nodiscard]] static Gemma2Config parse(const io::Config& config);
};

class Gemma2DecoderLayer;

/// The Gemma 2 decoder used as a text encoder: the last hidden state after the final norm.
/// Ref: Gemma Team 2024 (arXiv:2408.00118); transformers models/gemma2/modeling_gemma2.py, Gemma2Model
class Gemma2Model : public nn::Module {
 public:
  Gemma2Model(const Gemma2Config& config, const nn::Scope& scope);
  ~Gemma2Model();

  /// @param input_ids       [B, L] i32
  /// @param attention_mask  [B, L] i32, 1 = token, 0 = padding (on the right)
  /// @return                [B, L, hidden_size] f32. Rows of padding hold values, as the reference's do
  /// @throws Error kCancelled between layers
  [[nodiscard]] Tensor forward(const Tensor& input_ids, const Tensor& attention_mask, Context& ctx) const;

 private:
  Gemma2Config config_;
  Tensor embed_tokens_;
  float embed_scale_;
  std::vector<Gemma2DecoderLayer> layers_;
  nn::RmsNorm norm_;
};

}  // namespace swan::models

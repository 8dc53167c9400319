#pragma once

#include <vector>

#include "io/config.h"
#include "nn/layers.h"
#include "ops/layout.h"

namespace swan::models {

/// diffusers' config of WanTransformer3DModel, text to video.
struct WanConfig {
  ops::Patch patch_size;
  int64_t num_attention_heads, attention_head_dim, in_channels, out_channels;
  int64_t text_dim, freq_dim, ffn_dim, num_layers, rope_max_seq_len;
  bool cross_attn_norm;
  double eps;

  [[nodiscard]] int64_t inner_dim() const { return num_attention_heads * attention_head_dim; }
  /// @throws Error kCorruptFile naming a key that is out of range; kUnsupported for a variant we lack (image to video)
  [[nodiscard]] static WanConfig parse(const io::Config& config);
};

/// What the network makes of a prompt, the same at every step: the keys and values of each block's cross-attention.
struct WanText {
  struct Keys {
    Tensor key, value;  ///< [B, L', C]
  };
  std::vector<Keys> blocks;
  Tensor bias;  ///< [B, L'], or undefined
};

class WanTransformerBlock;
class WanConditionEmbedder;

/// The 3-D diffusion transformer of Wan 2.1, text to video.
/// Ref: Wan Team 2025 (arXiv:2503.20314); diffusers models/transformers/transformer_wan.py, WanTransformer3DModel
class WanTransformer3DModel : public nn::Module {
 public:
  WanTransformer3DModel(const WanConfig& config, const nn::Scope& scope);
  ~WanTransformer3DModel();

  [[nodiscard]] const WanConfig& config() const noexcept { return config_; }

  /// The reference attends to every row, those of padding included, which are zeros and all have one key and one value:
  /// here one such row stands for them all, its score raised by the logarithm of their number.
  /// @param encoder_hidden_states  [B, L, text_dim] f32
  [[nodiscard]] WanText encode_text(const Tensor& encoder_hidden_states, Context& ctx) const;

  /// @param hidden_states  [B, in_channels, T, H, W] f32, sizes multiples of the patch
  /// @param timestep       [B] f32, 0 to 1000
  /// @param text           of as many rows
  /// @return               [B, out_channels, T, H, W] f32: the predicted velocity
  /// @throws Error kShapeMismatch; kInvalidArgument for a clip beyond rope_max_seq_len; kCancelled between blocks
  [[nodiscard]] Tensor forward(const Tensor& hidden_states, const Tensor& timestep, const WanText& text,
                               Context& ctx) const;

 private:
  WanConfig config_;
  nn::Linear patch_embedding_;
  std::unique_ptr<WanConditionEmbedder> condition_embedder_;
  std::vector<WanTransformerBlock> blocks_;
  Tensor scale_shift_table_;  // [2, C]
  nn::Linear proj_out_;
};

}  // namespace swan::models

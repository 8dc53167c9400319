#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "io/config.h"
#include "nn/layers.h"

namespace swan::models {

/// The configuration of diffusers' SanaTransformer2DModel.
struct SanaConfig {
  int64_t in_channels, out_channels;
  int64_t num_attention_heads, attention_head_dim, num_layers;
  int64_t num_cross_attention_heads, cross_attention_head_dim, cross_attention_dim, caption_channels;
  double mlp_ratio;
  bool attention_bias, norm_elementwise_affine;
  int64_t sample_size, patch_size;
  double norm_eps;
  std::optional<double> interpolation_scale;  ///< set: a sine-cosine position embedding is added
  bool guidance_embeds;
  double guidance_embeds_scale;
  bool qk_norm;  ///< "rms_norm_across_heads"
  double timestep_scale;

  [[nodiscard]] int64_t inner_dim() const { return num_attention_heads * attention_head_dim; }
  /// @throws Error kCorruptFile naming a key that is absent or out of range; kUnsupported for a variant we lack
  [[nodiscard]] static SanaConfig parse(const io::Config& config);
};

class SanaTransformerBlock;
class SanaTimeEmbed;

/// A prompt as the blocks attend to it: made once for all steps.
struct SanaText {
  struct Keys {
    Tensor key, value;  ///< [B, L, C]
  };
  std::vector<Keys> blocks;
  Tensor bias;  ///< [B, L] or [B, N, L] f32, added to the scores; undefined: none
};

/// What SanaTransformer2DModel::forward takes besides latents and text; see there.
struct SanaCondition {
  Tensor timestep;                               ///< [B] f32, already times timestep_scale
  Tensor guidance;                               ///< [B] f32, already times guidance_embeds_scale; undefined: none
  std::vector<Tensor> controlnet_block_samples;  ///< each [B, N, inner_dim]; sample i is added after block i + 1
};

/// The linear-attention diffusion transformer of Sana.
/// Ref: Xie et al. 2024 (arXiv:2410.10629); diffusers models/transformers/sana_transformer.py
class SanaTransformer2DModel : public nn::Module {
 public:
  SanaTransformer2DModel(const SanaConfig& config, const nn::Scope& scope);
  ~SanaTransformer2DModel();

  /// @param encoder_hidden_states   [B, L, caption_channels] f32
  /// @param encoder_attention_mask  [B, L] i32: 1 = token; or [B, 1, L] or [B, N, L] f32: an additive bias; undefined:
  ///                                none
  [[nodiscard]] SanaText encode_text(const Tensor& encoder_hidden_states, const Tensor& encoder_attention_mask,
                                     Context& ctx) const;
  /// @param hidden_states  latents, [B, in_channels, H, W] f32, H and W multiples of patch_size
  /// @return               [B, out_channels, H, W] in the context's dtype
  /// @throws Error kShapeMismatch, kInvalidArgument; kCancelled between blocks
  [[nodiscard]] Tensor forward(const Tensor& hidden_states, const SanaText& text, const SanaCondition& condition,
                               Context& ctx) const;
  [[nodiscard]] const SanaConfig& config() const noexcept { return config_; }

 private:
  [[nodiscard]] Tensor patch_embed(const Tensor& latents, Context& ctx) const;

  SanaConfig config_;
  nn::Conv2d patch_proj_;
  std::unique_ptr<SanaTimeEmbed> time_embed_;
  nn::Linear caption_linear_1_, caption_linear_2_;
  nn::RmsNorm caption_norm_;
  std::vector<SanaTransformerBlock> transformer_blocks_;
  Tensor scale_shift_table_;  // [2, inner_dim]
  nn::Linear proj_out_;
};

}  // namespace swan::models

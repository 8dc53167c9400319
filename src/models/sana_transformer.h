#pragma once

#include <vector>

#include "models/sana_blocks.h"

namespace swan::models {

/// What SanaTransformer2DModel::forward takes besides latents and text; see there.
struct SanaCondition {
  Tensor timestep;                               ///< [B] f32, already times timestep_scale
  Tensor guidance;                               ///< [B] f32, already times guidance_embeds_scale; undefined: none
  std::vector<Tensor> controlnet_block_samples;  ///< each [B, N, inner_dim]; sample i is added after block i + 1
  /// Perturbed-attention guidance: how many samples at the end are perturbed, and for each block whether it does that.
  int64_t perturbed = 0;
  std::vector<bool> perturbed_blocks = {};
};

/// The linear-attention diffusion transformer of Sana.
/// Ref: Xie et al. 2024 (arXiv:2410.10629); diffusers models/transformers/sana_transformer.py
class SanaTransformer2DModel : public nn::Module {
 public:
  SanaTransformer2DModel(const SanaConfig& config, const nn::Scope& scope);

  /// A prompt as forward takes it; see encode_sana_text.
  [[nodiscard]] SanaText encode_text(const Tensor& encoder_hidden_states, const Tensor& encoder_attention_mask,
                                     Context& ctx) const;
  /// @param hidden_states  latents, [B, in_channels, H, W] f32, H and W multiples of patch_size
  /// @return               [B, out_channels, H, W] in the context's dtype
  /// @throws Error kShapeMismatch, kInvalidArgument; kCancelled between blocks
  [[nodiscard]] Tensor forward(const Tensor& hidden_states, const SanaText& text, const SanaCondition& condition,
                               Context& ctx) const;
  [[nodiscard]] const SanaConfig& config() const noexcept { return config_; }

 private:
  SanaConfig config_;
  SanaPatchEmbed patch_embed_;
  SanaTimeEmbed time_embed_;
  SanaCaption caption_;
  std::vector<SanaTransformerBlock> transformer_blocks_;
  Tensor scale_shift_table_;  // [2, inner_dim]
  nn::Linear proj_out_;
};

}  // namespace swan::models

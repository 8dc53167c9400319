#pragma once

#include <vector>

#include "models/sana_blocks.h"

namespace swan::models {

/// The configuration of diffusers' SanaControlNetModel. @throws Error as SanaConfig::parse; kUnsupported for another
/// class
[[nodiscard]] SanaConfig parse_sana_controlnet_config(const io::Config& config);

/// Sana's first blocks again, which see a picture beside the latents; what each makes is added within the transformer.
/// Ref: Zhang et al. 2023 (arXiv:2302.05543); diffusers models/controlnets/controlnet_sana.py
class SanaControlNetModel : public nn::Module {
 public:
  SanaControlNetModel(const SanaConfig& config, const nn::Scope& scope);

  /// A prompt as forward takes it; see encode_sana_text. The keys and values are this network's own.
  [[nodiscard]] SanaText encode_text(const Tensor& encoder_hidden_states, const Tensor& encoder_attention_mask,
                                     Context& ctx) const;
  /// The picture as forward takes it: made once for all steps.
  /// @param controlnet_cond  its latents times scaling_factor, [B, in_channels, H, W] f32, or of batch 1 for all rows
  /// @return                 [B, N, inner_dim] in the context's dtype
  [[nodiscard]] Tensor encode_condition(const Tensor& controlnet_cond, Context& ctx) const;

  /// @param hidden_states       latents, [B, in_channels, H, W] f32
  /// @param condition           of encode_condition
  /// @param timestep            [B] f32
  /// @param conditioning_scale  what the samples are multiplied by
  /// @return  for each block a sample [B, N, inner_dim] in the context's dtype: SanaCondition::controlnet_block_samples
  /// @throws Error kShapeMismatch when the picture's grid is not that of the latents; kCancelled between blocks
  [[nodiscard]] std::vector<Tensor> forward(const Tensor& hidden_states, const SanaText& text, const Tensor& condition,
                                            const Tensor& timestep, double conditioning_scale, Context& ctx) const;
  [[nodiscard]] const SanaConfig& config() const noexcept { return config_; }

 private:
  SanaConfig config_;
  SanaPatchEmbed patch_embed_;
  SanaTimeEmbed time_embed_;
  SanaCaption caption_;
  std::vector<SanaTransformerBlock> transformer_blocks_;
  nn::Linear input_block_;
  std::vector<nn::Linear> controlnet_blocks_;
};

}  // namespace swan::models

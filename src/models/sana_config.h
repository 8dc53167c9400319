#pragma once

#include <cstdint>
#include <optional>

#include "io/config.h"

namespace swan::models {

/// The configuration of diffusers' SanaTransformer2DModel, and of SanaControlNetModel, which has some of its keys.
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
  /// @param default_num_layers  of a file that does not say
  [[nodiscard]] static SanaConfig parse(const io::Config& config, int64_t default_num_layers = 20);
};

}  // namespace swan::models

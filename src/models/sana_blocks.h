#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/glumbconv.h"
#include "models/sana_config.h"
#include "nn/layers.h"
#include "ops/attention.h"

namespace swan::models {

// What SanaTransformer2DModel and SanaControlNetModel are both made of.
// Ref: diffusers models/transformers/sana_transformer.py

/// A prompt as the blocks attend to it: made once for all steps.
struct SanaText {
  struct Keys {
    Tensor key, value;  ///< [B, L, C]
  };
  std::vector<Keys> blocks;
  Tensor bias;  ///< [B, L] or [B, N, L] f32, added to the scores; undefined: none

  /// All of them in a row, for what takes tensors alone.
  [[nodiscard]] std::vector<Tensor> tensors() const;
  [[nodiscard]] static SanaText of(std::span<const Tensor> tensors);
};

/// Attention with SanaLinearAttnProcessor2_0 or SanaAttnProcessor2_0: the projections that both have. qk norm runs over
/// all heads together, before they part.
class SanaAttention : public nn::Module {
 public:
  struct Sizes {
    int64_t query_dim, context_dim, inner_dim;
    bool bias, qk_norm;
  };
  SanaAttention(const Sizes& sizes, const nn::Scope& scope);

  /// Whose input all that reads `hidden` below shares.
  [[nodiscard]] const nn::Linear& reader() const { return to_q_; }
  /// hidden [B, N, C] to [B, N, C], every token with every other in linear time.
  [[nodiscard]] Tensor forward_linear(const nn::LinearInput& hidden, int64_t heads, Context& ctx) const;
  /// The same, but that in the last `perturbed` samples every token sees itself alone: what PAGCFGSanaLinearAttn- and
  /// PAGIdentitySanaLinearAttnProcessor2_0 do, which also leave qk norm out.
  [[nodiscard]] Tensor forward_perturbed(const nn::LinearInput& hidden, int64_t perturbed, int64_t heads,
                                         Context& ctx) const;
  /// What the tokens attend to. @param text  [B, L, C']
  [[nodiscard]] SanaText::Keys keys(const Tensor& text, Context& ctx) const;
  /// hidden [B, N, C] attends to the text.
  [[nodiscard]] Tensor forward_softmax(const Tensor& hidden, const SanaText::Keys& text,
                                       const ops::AttentionOptions& options, Context& ctx) const;

 private:
  [[nodiscard]] Tensor query(const nn::LinearInput& x, Context& ctx) const;
  [[nodiscard]] Tensor key(const nn::LinearInput& x, Context& ctx) const;

  nn::Linear to_q_, to_k_, to_v_, to_out_;
  std::optional<nn::RmsNorm> norm_q_, norm_k_;
};

/// PatchEmbed: latents to tokens, with positions where interpolation_scale is set.
class SanaPatchEmbed : public nn::Module {
 public:
  SanaPatchEmbed(const SanaConfig& config, const nn::Scope& scope);
  /// @param latents  [B, in_channels, H, W], H and W multiples of patch_size;  @return  [B, N, inner_dim]
  [[nodiscard]] Tensor forward(const Tensor& latents, Context& ctx) const;

 private:
  int64_t base_size_;
  std::optional<double> interpolation_scale_;
  nn::Conv2d proj_;
};

/// AdaLayerNormSingle, or SanaCombinedTimestepGuidanceEmbeddings where guidance_embeds is set.
class SanaTimeEmbed : public nn::Module {
 public:
  SanaTimeEmbed(const SanaConfig& config, const nn::Scope& scope);

  struct Result {
    Tensor modulation;         ///< [B, 6 C]
    Tensor embedded_timestep;  ///< [B, C]
  };
  /// @param timestep  [B] f32;  @param guidance  [B] f32 where has_guidance(), else undefined
  [[nodiscard]] Result forward(const Tensor& timestep, const Tensor& guidance, Context& ctx) const;
  [[nodiscard]] bool has_guidance() const { return guidance_.has_value(); }

 private:
  class TimestepEmbedding : public nn::Module {
   public:
    TimestepEmbedding(int64_t dim, const nn::Scope& scope);
    [[nodiscard]] Tensor forward(const Tensor& t, Context& ctx) const;

   private:
    static constexpr int64_t kSinusoids = 256;
    nn::Linear linear_1_, linear_2_;
  };

  TimestepEmbedding timestep_;
  std::optional<TimestepEmbedding> guidance_;
  nn::Linear linear_;
};

/// PixArtAlphaTextProjection and the norm after it.
class SanaCaption : public nn::Module {
 public:
  /// @param scope  of the network, which has caption_projection and caption_norm
  SanaCaption(const SanaConfig& config, const nn::Scope& scope);
  /// @param encoder_hidden_states  [B, L, caption_channels];  @return  [B, L, inner_dim]
  [[nodiscard]] Tensor forward(const Tensor& encoder_hidden_states, Context& ctx) const;

 private:
  nn::Linear linear_1_, linear_2_;
  nn::RmsNorm norm_;
};

class SanaTransformerBlock : public nn::Module {
 public:
  SanaTransformerBlock(const SanaConfig& config, const nn::Scope& scope);

  /// What the block attends to of a prompt. @param text  [B, L, C]
  [[nodiscard]] SanaText::Keys keys(const Tensor& text, Context& ctx) const { return attn2_.keys(text, ctx); }
  /// @param hidden     [B, N, C] with N = height * width
  /// @param text_bias  [B, L] or [B, N, L]; undefined: none
  /// @param temb       [B, 6 C]
  /// @param perturbed  how many samples at the end have a self-attention in which tokens see themselves alone
  [[nodiscard]] Tensor forward(Tensor hidden, const SanaText::Keys& text, const Tensor& text_bias, const Tensor& temb,
                               int64_t height, int64_t width, Context& ctx, int64_t perturbed = 0) const;

 private:
  void fold_norm2(Tensor& shift, Tensor& scale, Context& ctx) const;

  float eps_;
  int64_t heads_;
  ops::AttentionOptions cross_;
  SanaAttention attn1_, attn2_;
  GLUMBConv ff_;
  Tensor scale_shift_table_;          // [6, C]
  Tensor norm2_weight_, norm2_bias_;  // [C], when norm_elementwise_affine
};

/// The network's blocks, transformer_blocks.0 and so on.
[[nodiscard]] std::vector<SanaTransformerBlock> make_sana_blocks(const SanaConfig& config, const nn::Scope& scope);

/// A prompt for these blocks.
/// @param encoder_hidden_states   [B, L, caption_channels] f32
/// @param encoder_attention_mask  [B, L] i32: 1 = token; or [B, 1, L] or [B, N, L] f32: an additive bias; undefined:
///                                none
[[nodiscard]] SanaText encode_sana_text(const SanaCaption& caption, const std::vector<SanaTransformerBlock>& blocks,
                                        const Tensor& encoder_hidden_states, const Tensor& encoder_attention_mask,
                                        Context& ctx);

/// The grid of tokens of latents [B, C, H, W].
struct SanaGrid {
  int64_t height, width;
};
/// @param network  "SanaTransformer2DModel", for messages;  @throws Error kShapeMismatch
[[nodiscard]] SanaGrid sana_grid(const char* network, const Tensor& latents, int64_t patch_size);

}  // namespace swan::models

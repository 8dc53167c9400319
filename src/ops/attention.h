#pragma once

#include "core/context.h"
#include "swan/tensor.h"

namespace swan::ops {

struct AttentionOptions {
  int64_t heads = 1;
  int64_t kv_heads = 1;     ///< heads share keys and values in groups of heads / kv_heads (grouped-query attention)
  float scale = 1;          ///< of q.k
  float logit_softcap = 0;  ///< s = tanh(s / cap) * cap before the bias; 0: none
  Tensor bias = {};         ///< [B, Lk] or [B, Lq, Lk] f32, added to the scores; undefined: none
  /// [heads, Lq + Lk - 1] f32, added before `bias`: entry k - q + Lq - 1 for query q and key k (T5's relative
  /// positions); undefined: none
  Tensor head_bias = {};
};

/// Softmax attention: softmax(softcap(scale q k^T) + bias) v per head, in f32. Where the bias makes every score of a
/// row the same finite number, as a sum of large negatives does, the row is uniform over all keys, as in the reference.
/// @param q  [B, Lq, heads * D] f32;  @param k, v  [B, Lk, kv_heads * D] f32
/// @return   [B, Lq, heads * D] f32
/// Ref: Vaswani et al. 2017; torch.nn.functional.scaled_dot_product_attention; Gemma 2 (arXiv:2408.00118) for the cap
[[nodiscard]] Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options,
                               Context& ctx);

/// Linear attention with ReLU as feature map, no mask, no scale, in f32:
///   y = relu(q) (relu(k)^T v) / (relu(q) . sum over tokens of relu(k) + eps)
/// @param q, k, v  [B, N, heads * D] f32
/// @return         [B, N, heads * D] f32
/// Ref: Katharopoulos et al. 2020 (arXiv:2006.16236); diffusers attention_processor.py, SanaLinearAttnProcessor2_0
[[nodiscard]] Tensor relu_linear_attention(const Tensor& q, const Tensor& k, const Tensor& v, int64_t heads, float eps,
                                           Context& ctx);

/// The same over groups of channels that hold q, k and v side by side.
/// @param qkv  [B, N, G * 3 * D] f32: for each of G groups D channels of q, D of k, D of v
/// @return     [B, N, G * D] f32
/// Ref: Cai et al. 2022 (arXiv:2205.14756), EfficientViT; diffusers SanaMultiscaleAttnProcessor2_0
[[nodiscard]] Tensor relu_linear_attention_packed(const Tensor& qkv, int64_t head_dim, float eps, Context& ctx);

/// Rotary position embedding that pairs channel i with i + D / 2 of each head (rotate_half), for i < D / 2:
///   y[i] = x[i] cos[i] - x[i + D/2] sin[i],  y[i + D/2] = x[i + D/2] cos[i] + x[i] sin[i]
/// @param x         [B, L, H * D] f32;  @param cos, sin  [L, D / 2] f32
/// @return          [B, L, H * D] f32
/// Ref: Su et al. 2021 (arXiv:2104.09864); transformers modeling_gemma2.py, apply_rotary_pos_emb
[[nodiscard]] Tensor rope_rotate_half(const Tensor& x, const Tensor& cos, const Tensor& sin, Context& ctx);

/// Rotary position embedding that pairs channels 2i and 2i + 1 of each head, for i < D / 2:
///   y[2i] = x[2i] cos[i] - x[2i + 1] sin[i],  y[2i + 1] = x[2i] sin[i] + x[2i + 1] cos[i]
/// @param x         [B, L, H * D] f32;  @param cos, sin  [L, D / 2] f32
/// @return          [B, L, H * D] f32
/// Ref: Su et al. 2021 (arXiv:2104.09864); diffusers transformer_wan.py, apply_rotary_emb
[[nodiscard]] Tensor rope_interleaved(const Tensor& x, const Tensor& cos, const Tensor& sin, Context& ctx);

/// rope_interleaved of rms_norm over all heads together: what stands between a projection and its attention in Wan.
/// @param x       [B, L, H * D] f32;  @param weight  [H * D] f32;  @param cos, sin  [L, D / 2] f32
/// @return        [B, L, H * D] f32
[[nodiscard]] Tensor rms_norm_rope_interleaved(const Tensor& x, const Tensor& weight, float eps, const Tensor& cos,
                                               const Tensor& sin, Context& ctx);

}  // namespace swan::ops

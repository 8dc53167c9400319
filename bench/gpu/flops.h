#pragma once

#include <cstdint>

#include "models/gemma2.h"
#include "models/sana_transformer.h"
#include "models/umt5.h"
#include "models/wan_transformer.h"

namespace swan::bench {

// Floating-point operations of one forward: products (2 M N K each, 1x1 convolutions included) and attention (scores
// and weighted values, 4 Lq Lk C; masked pairs count too). Depthwise convolutions, norms, activations and other
// elementwise work are not counted, nor is what Swan makes of the text once a run. d: inner_dim, n: rows of all samples
// together.

/// A layer: 2 n d (4 d + 2 c + 3 h) + 4 n d (head + 1) + 4 n L c; c: width of the cross-attention, h: mlp_ratio d; the
/// second term is linear attention. Around the layers: patches in and out, and the embeddings of time and guidance.
/// @param rows    latent patches of one sample
/// @param tokens  L, of the text
[[nodiscard]] double forward_flops(const models::SanaConfig& c, int64_t batch, int64_t rows, int64_t tokens);
/// A layer: 2 n d (6 d + 2 ffn_dim) + 4 n rows d + 4 n L d; around the layers as in Sana.
/// @param rows    patches of one clip
/// @param tokens  L, rows of text that are attended to
[[nodiscard]] double forward_flops(const models::WanConfig& c, int64_t batch, int64_t rows, int64_t tokens);
/// A layer: 2 L d (2 q + 2 k + 3 intermediate_size) + 4 L^2 q; q, k: widths of the queries and of the keys
[[nodiscard]] double forward_flops(const models::Gemma2Config& c, int64_t tokens);
/// A layer: 2 L d (4 a + 3 d_ff) + 4 L^2 a; a: num_heads d_kv
[[nodiscard]] double forward_flops(const models::UMT5Config& c, int64_t tokens);

}  // namespace swan::bench

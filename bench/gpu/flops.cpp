#include "gpu/flops.h"

namespace swan::bench {

namespace {

double real(int64_t value) { return static_cast<double>(value); }

// y = x W^T of `rows` rows.
double product(double rows, double in, double out) { return 2 * rows * in * out; }
// Softmax attention of `queries` rows to `keys` rows, each of `channels` over all heads.
double attention(double queries, double keys, double channels) { return 4 * queries * keys * channels; }

}  // namespace

double forward_flops(const models::SanaConfig& c, int64_t batch, int64_t rows, int64_t tokens) {
  constexpr double kFrequencies = 256;
  const double n = real(batch * rows), d = real(c.inner_dim()), b = real(batch);
  const double cross = real(c.num_cross_attention_heads * c.cross_attention_head_dim), hidden = c.mlp_ratio * d;
  const double patch = real(c.patch_size * c.patch_size);
  const double self = product(n, d, 4 * d) + 4 * n * d * real(c.attention_head_dim + 1);
  const double text = product(n, d, cross) + attention(n, real(tokens), cross) + product(n, cross, d);
  const double feed_forward = product(n, d, 2 * hidden) + product(n, hidden, d);
  const double embedding = product(b, kFrequencies, d) + product(b, d, d);
  return real(c.num_layers) * (self + text + feed_forward) + product(n, real(c.in_channels) * patch, d) +
         product(n, d, real(c.out_channels) * patch) + (c.guidance_embeds ? 2 : 1) * embedding + product(b, d, 6 * d);
}

double forward_flops(const models::WanConfig& c, int64_t batch, int64_t rows, int64_t tokens) {
  const double n = real(batch * rows), d = real(c.inner_dim()), b = real(batch), ffn = real(c.ffn_dim);
  const double patch = real(c.patch_size.frames * c.patch_size.height * c.patch_size.width);
  const double self = product(n, d, 4 * d) + attention(n, real(rows), d);
  const double text = product(n, d, 2 * d) + attention(n, real(tokens), d);
  const double time = product(b, real(c.freq_dim), d) + product(b, d, d) + product(b, d, 6 * d);
  return real(c.num_layers) * (self + text + product(n, d, 2 * ffn)) + product(n, real(c.in_channels) * patch, d) +
         product(n, d, real(c.out_channels) * patch) + time;
}

double forward_flops(const models::Gemma2Config& c, int64_t tokens) {
  const double n = real(tokens), d = real(c.hidden_size);
  const double q = real(c.num_attention_heads * c.head_dim), k = real(c.num_key_value_heads * c.head_dim);
  return real(c.num_hidden_layers) *
         (product(n, d, 2 * q + 2 * k + 3 * real(c.intermediate_size)) + attention(n, n, q));
}

double forward_flops(const models::UMT5Config& c, int64_t tokens) {
  const double n = real(tokens), d = real(c.d_model), inner = real(c.num_heads * c.d_kv);
  return real(c.num_layers) * (product(n, d, 4 * inner + 3 * real(c.d_ff)) + attention(n, n, inner));
}

}  // namespace swan::bench

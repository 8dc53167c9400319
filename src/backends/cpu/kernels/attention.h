#pragma once

#include <cstdint>

namespace swan::backends::kernels {

/// In place on a row of scores: s = scale s; capped as tanh(s / cap) cap if cap > 0; both biases added where not null;
/// softmax.
void softmax_row(float* scores, const float* head_bias, const float* bias, int64_t n, float scale, float cap);

/// Strides, in floats, between the tokens of one head's q, k, v and output rows.
struct LinearAttentionHead {
  int64_t tokens;
  int64_t dim;
  int64_t in_stride;
  int64_t out_stride;
  float eps;
};
/// ReLU linear attention of one head; see ops::relu_linear_attention.
/// @param state  (dim + 1) * dim floats of scratch
void relu_linear_attention_head(const float* q, const float* k, const float* v, float* y, float* state,
                                const LinearAttentionHead& head);

/// y = rotate-half RoPE of one head's channels; see ops::rope_rotate_half. half = D / 2.
void rope_rotate_half_row(const float* x, const float* cos, const float* sin, float* y, int64_t half);

/// The same for channels in pairs 2i, 2i + 1; see ops::rope_interleaved.
void rope_interleaved_row(const float* x, const float* cos, const float* sin, float* y, int64_t half);

}  // namespace swan::backends::kernels

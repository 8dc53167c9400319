#pragma once

#include <cstdint>

#include "swan/tensor.h"

namespace swan::backends::cuda {

/// Rows of scores [heads, queries, keys] of one sample, of which `scores` holds `heads` by `rows` from `first_head` and
/// `first_row` on.
struct SoftmaxRows {
  int64_t heads, rows, keys;
  int64_t pitch;  ///< elements between rows of scores and of weights, a multiple of 4
  int64_t first_head, first_row, queries;
  float scale;
  float softcap;           ///< 0: none
  const float* head_bias;  ///< [all heads, queries, keys], or null
  const float* bias;       ///< of this sample: [keys], or [queries, keys], or null
  bool bias_per_query;
  float unit;  ///< the weights are written times this
};

/// weights = unit * softmax(softcap(scale * scores) + head_bias + bias). Writes over the scores.
/// @param weights  [heads, rows, pitch] of `dtype`; the scores themselves when that is f32. Columns beyond the keys are
///                 undefined
void softmax_rows(float* scores, void* weights, DType dtype, const SoftmaxRows& shape);

}  // namespace swan::backends::cuda

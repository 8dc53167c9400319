#pragma once

#include <cstdint>

#include "ops/activation.h"

namespace swan::backends::kernels {

/// What ops::rms_norm does to each row. Pointers may be null: no weight, no bias.
struct RmsNorm {
  int64_t channels;
  float eps;
  const float* weight;
  float weight_offset;  ///< added to each weight
  const float* bias;
  ops::Activation activation;
};

/// residual may be null.
void rms_norm_rows(const float* x, const float* residual, float* y, int64_t rows, const RmsNorm& norm);
/// y = (x - mean) / sqrt(var + eps) * (one + scale) + shift. `one` is 1 for a modulation, 0 where scale is a weight.
void layer_norm_rows(const float* x, float one, const float* scale, const float* shift, float* y, int64_t rows,
                     int64_t channels, float eps);

}  // namespace swan::backends::kernels

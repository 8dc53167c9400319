#pragma once

#include "ops/activation.h"
#include "swan/tensor.h"

namespace swan::backends::cuda {

/// y = activation(y + bias) in place. @param y  [..., C];  @param bias  [C] f32, or undefined
void add_bias_and_activate(Tensor& y, const Tensor& bias, ops::Activation activation);

/// Rows [B, L] f32 repeated: [B, queries, pitch] in `dtype`, zeros beyond L.
[[nodiscard]] Tensor repeat_rows(const Tensor& rows, int64_t queries, int64_t pitch, DType dtype);

}  // namespace swan::backends::cuda

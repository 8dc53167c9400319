#pragma once

#include <span>

#include "core/context.h"
#include "ops/activation.h"
#include "swan/tensor.h"

namespace swan::ops {

/// a + b; b's shape may be a suffix of a's and is then repeated. f32.
[[nodiscard]] Tensor add(const Tensor& a, const Tensor& b, Context& ctx);

/// x + gate * y. @param x, y  [B, N, C] f32;  @param gate  [B, C] f32, per sample
[[nodiscard]] Tensor add_gated(const Tensor& x, const Tensor& gate, const Tensor& y, Context& ctx);

/// activation(x), any shape, f32.
[[nodiscard]] Tensor activate(const Tensor& x, Activation activation, Context& ctx);

/// activation(gate) * up, two tensors of one shape, f32.
[[nodiscard]] Tensor gated_activation(const Tensor& gate, const Tensor& up, Activation activation, Context& ctx);

/// Values below `least` become that, values above `most` that; NaN stays. Any shape, f32.
[[nodiscard]] Tensor clamp(const Tensor& x, float least, float most, Context& ctx);

/// The sum of coefficients[i] * tensors[i], added in that order in f32: what a solver's step is made of.
/// @param tensors  at least one, all of one shape, f32
[[nodiscard]] Tensor linear_combination(std::span<const float> coefficients, std::span<const Tensor> tensors,
                                        Context& ctx);

/// How many of x's values are NaN or infinite, as i32 [1] on x's device: whoever reads it (`.cpu()`) waits for it.
[[nodiscard]] Tensor count_nonfinite(const Tensor& x, Context& ctx);

}  // namespace swan::ops

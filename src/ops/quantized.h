#pragma once

#include "core/context.h"
#include "ops/activation.h"
#include "swan/tensor.h"

// Linear layers in 8 bits: both factors of the product are e4m3 (4 bits of exponent, 3 of mantissa, no infinity), with
// a scale for each row of x (a token) and for each row of the weight (an output channel). Scales follow from the values
// at hand: a row's largest magnitude becomes e4m3's largest number.
// Ref: Micikevicius et al. 2022 (arXiv:2209.05433)

namespace swan::ops {

inline constexpr float kF8Largest = 448;  ///< of e4m3
/// Rows whose magnitudes all lie below this are scaled as if one were as large: scales and their inverses are normal
/// numbers, and a row of zeros stays one.
inline constexpr float kF8LeastMagnitude = 0x1p-100F;
/// What the lengths of both sides of a weight must be multiples of: matrices' rows start at multiples of 16 bytes.
inline constexpr int64_t kF8Multiple = 16;

/// A matrix in e4m3. With m = max(largest |x| of row r that is not NaN, kF8LeastMagnitude), all in f32:
///   scales[r] = m / 448;  values[r, i] = e4m3(x[r, i] * (1 / scales[r])), to nearest even, at most 448
/// NaN stays NaN. An infinite value makes its row's scale infinite and itself NaN, so that products with it are NaN.
struct QuantizedRows {
  Tensor values;  ///< [..., K] f8_e4m3
  Tensor scales;  ///< [rows] f32; rows: the product of all dimensions but the last
};

/// Whether a linear layer of that shape can multiply in e4m3.
[[nodiscard]] constexpr bool fits_f8(int64_t in, int64_t out) {
  return in % kF8Multiple == 0 && out % kF8Multiple == 0;
}

/// activation(x), rounded to x's dtype, then to e4m3 by rows.
/// @param x  [..., K] f32 | f16 | bf16, any K
/// @throws Error kShapeMismatch for a scalar, kInvalidArgument on dtype; kUnsupported where the backend lacks e4m3
[[nodiscard]] QuantizedRows quantize_rows(const Tensor& x, Activation activation, Context& ctx);

/// A layer's weight by its rows, the output channels; made once and kept by the caller. Its copy on the device in the
/// stored dtype is given back. Ends a recording (core/replay.h), where it would be made at every launch.
/// @param weight  [N, K] f32 | f16 | bf16
/// @throws Error as quantize_rows
[[nodiscard]] QuantizedRows quantize_weight(const Tensor& weight, Context& ctx);

/// layer_norm(x), rounded to x's dtype, then to e4m3 by rows, in one pass. See ops/norm.h.
[[nodiscard]] QuantizedRows layer_norm_quantized(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                                                 Context& ctx);
/// The same of layer_norm_modulate(x).
[[nodiscard]] QuantizedRows layer_norm_modulate_quantized(const Tensor& x, const Tensor& scale, const Tensor& shift,
                                                          float eps, Context& ctx);

/// y[r, n] = activation(x.scales[r] weight.scales[n] sum over k of x.values[r, k] weight.values[n, k] + bias[n]),
/// accumulated in f32 as precisely as tensor cores do for e4m3.
/// @param x       [..., K]
/// @param weight  [N, K] of quantize_weight; fits_f8(K, N)
/// @param bias    [N] f32, or undefined
/// @return        [..., N] in the context's dtype
/// @throws Error kShapeMismatch naming both shapes, kInvalidArgument on dtype or where fits_f8 does not hold;
///         kUnsupported where the backend or the GPU lacks products in e4m3
[[nodiscard]] Tensor linear_f8(const QuantizedRows& x, const QuantizedRows& weight, const Tensor& bias,
                               Activation activation, Context& ctx);

/// quantize_rows(linear_f8(x, weight, bias, activation)), in fewer passes: what a next layer in e4m3 reads.
[[nodiscard]] QuantizedRows linear_f8_quantized(const QuantizedRows& x, const QuantizedRows& weight, const Tensor& bias,
                                                Activation activation, Context& ctx);

}  // namespace swan::ops

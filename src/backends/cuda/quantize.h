#pragma once

#include "ops/activation.h"
#include "ops/quantized.h"
#include "swan/tensor.h"

namespace swan::backends::cuda {

/// quantize_rows(activation(x + bias)): what a product that could not have these in its kernel leaves to do.
/// @param x     [..., K] f32, f16 or bf16, on the device
/// @param bias  [K] of x's dtype, on the device, or undefined
[[nodiscard]] ops::QuantizedRows quantize_biased(const Tensor& x, const Tensor& bias, ops::Activation activation);

/// y[r, n] = activation(sums[r, n] rows[r] columns[n] + bias[n]): the end of a product without scales.
/// @param sums     [rows, N] f32, N a multiple of 8
/// @param rows     [rows] f32
/// @param columns  [N] f32
/// @param bias     [N] of y's dtype, or undefined
/// @param y        [rows, N] f32, f16 or bf16. All are on the device, at multiples of 16 bytes
void scale_sums(const Tensor& sums, const Tensor& rows, const Tensor& columns, const Tensor& bias,
                ops::Activation activation, Tensor& y);

}  // namespace swan::backends::cuda

#pragma once

#include "ops/activation.h"
#include "swan/tensor.h"

namespace swan::backends::cuda {

/// y = activation(y + bias): what a library could not fuse into the product that made y.
/// @param y     [rows, bias's length], f32, f16 or bf16, on the device
/// @param bias  of y's dtype, on the device, or undefined
void activate_in_place(Tensor& y, const Tensor& bias, ops::Activation activation);

}  // namespace swan::backends::cuda

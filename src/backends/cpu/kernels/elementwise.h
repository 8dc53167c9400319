#pragma once

#include <cstdint>

#include "ops/activation.h"
#include "swan/tensor.h"

namespace swan::backends::kernels {

// Vector loops over n values on the calling thread, compiled for each instruction set and chosen at run time. Outputs
// may be inputs, but must not overlap them otherwise.

void add(const float* a, const float* b, float* y, int64_t n);                                    // a + b
void multiply_add(const float* a, const float* b, const float* c, float* y, int64_t n);           // a b + c
void scale(const float* x, float factor, float* y, int64_t n);                                    // factor x
void accumulate(const float* x, float factor, float* y, int64_t n);                               // y + factor x
void activate(const float* x, float* y, int64_t n, ops::Activation activation);                   // f(x)
void gated_activation(const float* gate, const float* up, float* y, int64_t n, ops::Activation);  // f(gate) up
[[nodiscard]] int64_t count_nonfinite(const float* x, int64_t n);
/// f16 or bf16 to f32. `bits` may be unaligned.
void widen(const uint16_t* bits, DType dtype, float* y, int64_t n);

}  // namespace swan::backends::kernels

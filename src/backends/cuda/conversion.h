#pragma once

#include <cuda_runtime_api.h>

#include "swan/tensor.h"

namespace swan::backends::cuda {

/// Converts `count` values from f32, f16, bf16 or an f8 format to f32, f16 or bf16, rounded to nearest even.
void convert_values(const void* from, DType from_dtype, void* to, DType to_dtype, int64_t count, cudaStream_t stream);

}  // namespace swan::backends::cuda

#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <type_traits>

#include "cuda/runtime.h"

namespace swan::backends::cuda {

/// Calls fn.operator()<T>() with the element type of a floating dtype: float, __half or __nv_bfloat16.
template <typename Fn>
decltype(auto) dispatch_floating(DType dtype, const Fn& fn) {
  switch (dtype) {
    case DType::kF32:
      return fn.template operator()<float>();
    case DType::kF16:
      return fn.template operator()<__half>();
    case DType::kBF16:
      return fn.template operator()<__nv_bfloat16>();
    default:
      fail_dtype(dtype);
  }
}

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(__half x) { return __half2float(x); }
__device__ __forceinline__ float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }
template <typename T>
__device__ __forceinline__ T from_float(float x) {
  if constexpr (std::is_same_v<T, __half>) return __float2half_rn(x);
  if constexpr (std::is_same_v<T, __nv_bfloat16>) return __float2bfloat16_rn(x);
  if constexpr (std::is_same_v<T, float>) return x;
}

}  // namespace swan::backends::cuda

#pragma once

#include <cuda_fp8.h>

#include <algorithm>

#include "cuda/vector.cuh"
#include "ops/quantized.h"

// Rounding rows to e4m3 as ops/quantized.h defines it, to the bit.
namespace swan::backends::cuda {

/// Room for the rows of a tensor of that shape, on the current device.
[[nodiscard]] inline ops::QuantizedRows empty_rows(const Shape& shape) {
  return {.values = empty(shape, DType::kF8E4M3),
          .scales = empty({shape.numel() / std::max<int64_t>(shape[-1], 1)}, DType::kF32)};
}

struct RowScale {
  float scale, inverse;
};
/// @param largest  magnitude in the row, not NaN
__device__ __forceinline__ RowScale row_scale(float largest) {
  const float scale = __fdiv_rn(fmaxf(largest, ops::kF8LeastMagnitude), ops::kF8Largest);
  return {scale, __frcp_rn(scale)};
}

template <typename T, int N>
__device__ __forceinline__ Pack<T, N> rounded(const float (&v)[N]) {
  Pack<T, N> pack;
#pragma unroll
  for (int k = 0; k < N; ++k) pack.values[k] = from_float<T>(v[k]);
  return pack;
}

/// The largest magnitude of the pack's values and of `before`; NaN does not count.
template <typename T, int N>
__device__ __forceinline__ float largest_of(const Pack<T, N>& pack, float before) {
#pragma unroll
  for (int k = 0; k < N; ++k) before = fmaxf(before, fabsf(to_float(pack.values[k])));
  return before;
}

/// N values at once; `to` is aligned to N bytes.
template <int N>
__device__ __forceinline__ void store_f8(uint8_t* to, const float (&v)[N], const RowScale& scale) {
  if constexpr (N == 1) {
    *to = __nv_cvt_float_to_fp8(v[0] * scale.inverse, __NV_SATFINITE, __NV_E4M3);
  } else {
    struct alignas(N) Pairs {
      __nv_fp8x2_storage_t pairs[N / 2];
    } packed;
#pragma unroll
    for (int k = 0; k < N; k += 2)
      packed.pairs[k / 2] = __nv_cvt_float2_to_fp8x2(make_float2(v[k] * scale.inverse, v[k + 1] * scale.inverse),
                                                     __NV_SATFINITE, __NV_E4M3);
    *reinterpret_cast<Pairs*>(to) = packed;
  }
}

}  // namespace swan::backends::cuda

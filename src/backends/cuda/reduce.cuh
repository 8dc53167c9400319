#pragma once

#include <cstdint>

namespace swan::backends::cuda {

/// A value of kGroup neighbouring lanes of a warp, or (kGroup = 0) of a block of whole warps, reduced by combine(a, b),
/// for which 0 is neutral. Everyone combines in the same order: all get the same bits. All lanes must take part.
template <int kGroup, typename Combine>
__device__ __forceinline__ float group_reduce(float value, const Combine& combine) {
  constexpr unsigned kAll = 0xffffffffU;
#pragma unroll
  for (int offset = (kGroup == 0 ? 32 : kGroup) / 2; offset > 0; offset /= 2)
    value = combine(value, __shfl_xor_sync(kAll, value, offset));
  if constexpr (kGroup == 0) {
    __shared__ float partial[32];
    const unsigned lane = threadIdx.x % 32;
    __syncthreads();  // the previous reduction has been read
    if (lane == 0) partial[threadIdx.x / 32] = value;
    __syncthreads();
    value = lane < blockDim.x / 32 ? partial[lane] : 0.0F;
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) value = combine(value, __shfl_xor_sync(kAll, value, offset));
  }
  return value;
}

/// The largest of values that are not negative; NaN does not count.
template <int kGroup>
__device__ __forceinline__ float group_max(float value) {
  return group_reduce<kGroup>(value, [](float a, float b) { return fmaxf(a, b); });
}

}  // namespace swan::backends::cuda

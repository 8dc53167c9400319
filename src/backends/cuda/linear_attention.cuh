#pragma once

#include <cstdint>

#include "cuda/dispatch.cuh"

// What the kernels of linear attention share: where tokens stand, and the tensor cores' products.
namespace swan::backends::cuda {

/// Elements between samples, tokens and heads, of q, k and v and of y.
struct LinearAttentionShape {
  int64_t tokens;
  int heads, dim;
  int chunks;            ///< parts of the tokens, each with a state of its own
  int64_t chunk_tokens;  ///< a multiple of 16
  int64_t in_sample, in_token, in_head;
  int64_t out_sample, out_token, out_head;
  float eps;
  /// Of one state: sums of relu(k)[i] v[j] at i * dim + j, and of relu(k)[i] at dim * dim + i.
  [[nodiscard]] __host__ __device__ int state_size() const { return (dim + 1) * dim; }
};

/// Two 16-bit values of one register, negative ones as zero; NaN stays.
template <typename T>
__device__ __forceinline__ uint32_t relu_pair(uint32_t pair) {
  if constexpr (std::is_same_v<T, __half>) {
    const __half2 y = __hmax2_nan(reinterpret_cast<const __half2&>(pair), __half2half2(__ushort_as_half(0)));
    return reinterpret_cast<const uint32_t&>(y);
  } else {
    const __nv_bfloat162 y =
        __hmax2_nan(reinterpret_cast<const __nv_bfloat162&>(pair), __bfloat162bfloat162(__ushort_as_bfloat16(0)));
    return reinterpret_cast<const uint32_t&>(y);
  }
}

template <typename T>
__device__ __forceinline__ float2 floats_of(uint32_t pair) {
  if constexpr (std::is_same_v<T, __half>)
    return __half22float2(reinterpret_cast<const __half2&>(pair));
  else
    return __bfloat1622float2(reinterpret_cast<const __nv_bfloat162&>(pair));
}

template <typename T>
__device__ __forceinline__ uint32_t pair_of(float a, float b) {
  if constexpr (std::is_same_v<T, __half>) {
    const __half2 y = __floats2half2_rn(a, b);
    return reinterpret_cast<const uint32_t&>(y);
  } else {
    const __nv_bfloat162 y = __floats2bfloat162_rn(a, b);
    return reinterpret_cast<const uint32_t&>(y);
  }
}

/// c += a b for a of 16 x 16 and b of 16 x 8 16-bit values, held as PTX's mma.m16n8k16 says.
template <typename T>
__device__ __forceinline__ void multiply_16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  if constexpr (std::is_same_v<T, __half>) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  } else {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }
}

}  // namespace swan::backends::cuda

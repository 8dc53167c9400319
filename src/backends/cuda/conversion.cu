#include <cuda_fp8.h>

#include <algorithm>

#include "cuda/conversion.h"
#include "cuda/dispatch.cuh"
#include "cuda/runtime.h"

namespace swan::backends::cuda {

namespace {
constexpr int kThreads = 256;

template <typename From, typename To>
__global__ void convert(const From* __restrict__ from, To* __restrict__ to, int64_t count) {
  const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride)
    to[i] = from_float<To>(static_cast<float>(from[i]));
}

template <typename From>
void convert_from(const void* from, void* to, DType to_dtype, int64_t count, cudaStream_t stream) {
  dispatch_floating(to_dtype, [&]<typename To>() {
    const int64_t blocks = std::min<int64_t>((count + kThreads - 1) / kThreads, 1 << 16);
    convert<From, To><<<static_cast<unsigned>(blocks), kThreads, 0, stream>>>(static_cast<const From*>(from),
                                                                              static_cast<To*>(to), count);
  });
}
}  // namespace

void convert_values(const void* from, DType from_dtype, void* to, DType to_dtype, int64_t count, cudaStream_t stream) {
  if (count == 0) return;
  if (from_dtype == DType::kF8E4M3) {
    convert_from<__nv_fp8_e4m3>(from, to, to_dtype, count, stream);
  } else if (from_dtype == DType::kF8E5M2) {
    convert_from<__nv_fp8_e5m2>(from, to, to_dtype, count, stream);
  } else {
    dispatch_floating(from_dtype, [&]<typename From>() { convert_from<From>(from, to, to_dtype, count, stream); });
  }
  check_launch("convert");
}

}  // namespace swan::backends::cuda

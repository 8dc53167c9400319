#include "cuda/activation.cuh"
#include "cuda/cudnn_kernels.h"
#include "cuda/launch.cuh"

namespace swan::backends::cuda {

namespace {
constexpr int kThreads = 256;

template <typename T, int kN>
__global__ void __launch_bounds__(kThreads) bias_kernel(T* y, const float* __restrict__ bias, const Divisor vectors,
                                                        int64_t count, ops::Activation activation) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= count) return;
  auto* at = reinterpret_cast<Pack<T, kN>*>(y) + i;
  float value[kN];
  widen(*at, value);
  if (bias != nullptr) {
    float added[kN];
    load<kN>(bias + vectors.divide(i).remainder * kN, added);
#pragma unroll
    for (int n = 0; n < kN; ++n) value[n] += added[n];
  }
  activate_values<T>(activation, value);
  store<kN>(y + i * kN, value);
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    repeat_rows_kernel(const float* __restrict__ rows, T* __restrict__ y, int length, int64_t queries,
                       const Divisor pitch, int64_t count) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= count) return;
  const auto [row, column] = pitch.divide(i);
  y[i] = from_float<T>(column < length ? rows[row / queries * length + column] : 0.0F);
}
}  // namespace

void add_bias_and_activate(Tensor& y, const Tensor& bias, ops::Activation activation) {
  if (y.numel() == 0 || (!bias.defined() && activation == ops::Activation::kNone)) return;
  dispatch_floating(y.dtype(), [&]<typename T>() {
    const bool wide = y.dim(-1) % kWidth<T> == 0 && aligned(y.raw_mut(), bias.raw());
    dispatch_width<T>(wide, [&]<int kN>() {
      const int64_t count = y.numel() / kN;
      launch("add_bias_and_activate", bias_kernel<T, kN>, ceil_div(count, kThreads), kThreads,
             static_cast<T*>(y.raw_mut()), values<float>(bias), Divisor(y.dim(-1) / kN), count, activation);
    });
  });
}

Tensor repeat_rows(const Tensor& rows, int64_t queries, int64_t pitch, DType dtype) {
  Tensor y = empty({rows.dim(0), queries, pitch}, dtype);
  if (y.numel() == 0) return y;
  dispatch_floating(dtype, [&]<typename T>() {
    launch("repeat_rows", repeat_rows_kernel<T>, ceil_div(y.numel(), kThreads), kThreads, values<float>(rows),
           static_cast<T*>(y.raw_mut()), static_cast<int>(rows.dim(1)), queries, Divisor(pitch), y.numel());
  });
  return y;
}

}  // namespace swan::backends::cuda

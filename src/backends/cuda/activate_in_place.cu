#include <algorithm>

#include "cuda/activate_in_place.h"
#include "cuda/dispatch.cuh"
#include "cuda/runtime.h"

namespace swan::backends::cuda {

namespace {
constexpr int kThreads = 256;

// Exact functions for f32; for 16 bits the fast ones, whose error is far below the rounding that follows.
template <typename T, ops::Activation kActivation>
__device__ __forceinline__ float activated(float x) {
  constexpr bool kExact = std::is_same_v<T, float>;
  if constexpr (kActivation == ops::Activation::kRelu) return x < 0.0F ? 0.0F : x;  // keeps NaN
  if constexpr (kActivation == ops::Activation::kSilu)
    return kExact ? x / (1.0F + expf(-x)) : x * __fdividef(1.0F, 1.0F + __expf(-x));
  if constexpr (kActivation == ops::Activation::kGeluTanh)
    return 0.5F * x * (1.0F + tanhf(0.7978845608028654F * (x + 0.044715F * x * x * x)));
  return x;
}

template <typename T, int kWidth>
struct alignas(sizeof(T) * kWidth) Vector {
  T values[kWidth];
};

// One vector a thread. Columns of a vector lie in one row, as kWidth divides the row when there is a bias.
template <typename T, int kWidth, ops::Activation kActivation>
__global__ void __launch_bounds__(kThreads)
    activate_vectors(T* __restrict__ y, const T* __restrict__ bias, int64_t vectors, int64_t columns) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= vectors) return;
  auto* at = reinterpret_cast<Vector<T, kWidth>*>(y) + i;
  Vector<T, kWidth> v = *at;
  const T* added = bias == nullptr ? nullptr : bias + i * kWidth % columns;
#pragma unroll
  for (int j = 0; j < kWidth; ++j) {
    float x = to_float(v.values[j]);
    if (bias != nullptr) x += to_float(added[j]);
    v.values[j] = from_float<T>(activated<T, kActivation>(x));
  }
  *at = v;
}

template <typename T, ops::Activation kActivation>
void launch(Tensor& y, const Tensor& bias) {
  constexpr int kWide = 16 / sizeof(T);
  const int64_t columns = bias.defined() ? bias.numel() : 1;
  auto* py = static_cast<T*>(y.raw_mut());
  const auto* pb = static_cast<const T*>(bias.raw());
  const auto blocks = [](int64_t vectors) { return static_cast<unsigned>((vectors + kThreads - 1) / kThreads); };
  const bool wide = reinterpret_cast<uintptr_t>(py) % 16 == 0 && (!bias.defined() || columns % kWide == 0);
  const int64_t vectors = wide ? y.numel() / kWide : 0;
  if (vectors > 0)
    activate_vectors<T, kWide, kActivation><<<blocks(vectors), kThreads, 0, stream()>>>(py, pb, vectors, columns);
  const int64_t done = vectors * kWide, rest = y.numel() - done;  // with a bias: none or all, so columns stay in step
  if (rest > 0)
    activate_vectors<T, 1, kActivation><<<blocks(rest), kThreads, 0, stream()>>>(py + done, pb, rest, columns);
  check_launch("activate_in_place");
}
}  // namespace

void activate_in_place(Tensor& y, const Tensor& bias, ops::Activation activation) {
  if (y.numel() == 0 || (activation == ops::Activation::kNone && !bias.defined())) return;
  dispatch_floating(y.dtype(), [&]<typename T>() {
    switch (activation) {
      case ops::Activation::kNone:
        return launch<T, ops::Activation::kNone>(y, bias);
      case ops::Activation::kRelu:
        return launch<T, ops::Activation::kRelu>(y, bias);
      case ops::Activation::kSilu:
        return launch<T, ops::Activation::kSilu>(y, bias);
      case ops::Activation::kGeluTanh:
        return launch<T, ops::Activation::kGeluTanh>(y, bias);
    }
  });
}

}  // namespace swan::backends::cuda

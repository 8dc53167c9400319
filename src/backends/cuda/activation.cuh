#pragma once

#include <type_traits>

#include "cuda/dispatch.cuh"
#include "ops/activation.h"

namespace swan::backends::cuda {

/// x / (1 + exp(-t)). With the hardware's exponential and division when the result is rounded to 16 bits.
template <typename T>
__device__ __forceinline__ float times_sigmoid(float x, float t) {
  if constexpr (std::is_same_v<T, float>) {
    return x / (1.0F + expf(-t));
  } else {
    return __fdividef(x, 1.0F + __expf(-t));
  }
}

/// activation(x) as T needs it. NaN stays NaN.
template <typename T, int N>
__device__ __forceinline__ void activate_values(ops::Activation activation, float (&x)[N]) {
  switch (activation) {
    case ops::Activation::kNone:
      break;
    case ops::Activation::kRelu:
#pragma unroll
      for (int k = 0; k < N; ++k) x[k] = x[k] < 0 ? 0.0F : x[k];  // not fmaxf, which loses NaN
      break;
    case ops::Activation::kSilu:
#pragma unroll
      for (int k = 0; k < N; ++k) x[k] = times_sigmoid<T>(x[k], x[k]);
      break;
    case ops::Activation::kGeluTanh:
      // (1 + tanh(u)) / 2 = 1 / (1 + exp(-2 u)), which does not cancel for u below 0.
#pragma unroll
      for (int k = 0; k < N; ++k) {
        constexpr float kTwiceRoot = 1.5957691216057308F;  // 2 sqrt(2 / pi)
        x[k] = times_sigmoid<T>(x[k], kTwiceRoot * (x[k] + 0.044715F * x[k] * x[k] * x[k]));
      }
      break;
  }
}

}  // namespace swan::backends::cuda

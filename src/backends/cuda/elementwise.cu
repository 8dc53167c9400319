#include <algorithm>
#include <vector>

#include "cuda/activation.cuh"
#include "cuda/entries.h"
#include "cuda/launch.cuh"

namespace swan::backends::cuda {

namespace {

// Index i counts vectors of N values, as do the divisors below.
template <typename T, typename U, int N, bool kRepeated>
struct Add {
  const T* a;
  const U* b;
  Divisor period;

  __device__ __forceinline__ void operator()(int64_t i, float (&y)[N]) const {
    float other[N];
    load<N>(a + i * N, y);
    load<N>(b + (kRepeated ? period.divide(i).remainder : i) * N, other);
#pragma unroll
    for (int k = 0; k < N; ++k) y[k] += other[k];
  }
};

template <typename T, typename U, int N>
struct AddGated {
  const T* x;
  const U* gate;
  const T* y;
  Divisor sample, row;
  int64_t channels;

  __device__ __forceinline__ void operator()(int64_t i, float (&out)[N]) const {
    float factor[N], other[N];
    load<N>(x + i * N, out);
    load<N>(y + i * N, other);
    load<N>(gate + sample.divide(i).quotient * channels + row.divide(i).remainder * N, factor);
#pragma unroll
    for (int k = 0; k < N; ++k) out[k] += factor[k] * other[k];
  }
};

template <typename T, int N>
struct Activate {
  const T* x;
  ops::Activation activation;

  __device__ __forceinline__ void operator()(int64_t i, float (&y)[N]) const {
    load<N>(x + i * N, y);
    activate_values<T>(activation, y);
  }
};

template <typename T, int N>
struct GatedActivation {
  const T* gate;
  const T* up;
  ops::Activation activation;

  __device__ __forceinline__ void operator()(int64_t i, float (&y)[N]) const {
    float other[N];
    load<N>(gate + i * N, y);
    load<N>(up + i * N, other);
    activate_values<T>(activation, y);
#pragma unroll
    for (int k = 0; k < N; ++k) y[k] *= other[k];
  }
};

template <typename T, int N>
struct Clamp {
  const T* x;
  float least, most;

  __device__ __forceinline__ void operator()(int64_t i, float (&y)[N]) const {
    load<N>(x + i * N, y);
#pragma unroll
    for (int k = 0; k < N; ++k) y[k] = y[k] < least ? least : (y[k] > most ? most : y[k]);  // NaN stays
  }
};

constexpr int kMostTerms = 8;

template <int N>
struct LinearCombination {
  const void* terms[kMostTerms];
  float coefficients[kMostTerms];
  DType dtypes[kMostTerms];
  int count;

  __device__ __forceinline__ void operator()(int64_t i, float (&y)[N]) const {
#pragma unroll
    for (int k = 0; k < N; ++k) y[k] = 0;
#pragma unroll
    for (int t = 0; t < kMostTerms; ++t) {
      if (t >= count) break;
      float term[N];
      if (dtypes[t] == DType::kF32) {
        load<N>(static_cast<const float*>(terms[t]) + i * N, term);
      } else if (dtypes[t] == DType::kF16) {
        load<N>(static_cast<const __half*>(terms[t]) + i * N, term);
      } else {
        load<N>(static_cast<const __nv_bfloat16*>(terms[t]) + i * N, term);
      }
#pragma unroll
      for (int k = 0; k < N; ++k) y[k] += coefficients[t] * term[k];
    }
  }
};

constexpr int kCountThreads = 256;

template <typename T, int N>
__global__ void __launch_bounds__(kCountThreads) count_kernel(const T* __restrict__ x, int64_t vectors, int* total) {
  int count = 0;
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kCountThreads;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kCountThreads + threadIdx.x; i < vectors; i += stride) {
    float v[N];
    load<N>(x + i * N, v);
#pragma unroll
    for (int k = 0; k < N; ++k) count += isfinite(v[k]) ? 0 : 1;
  }
  for (int offset = 16; offset > 0; offset /= 2) count += __shfl_xor_sync(0xffffffffU, count, offset);
  if (threadIdx.x % 32 == 0 && count > 0) atomicAdd(total, count);  // integers: the order does not matter
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  const Tensor x = on_device(a), other = parameter(b, a.dtype());
  Tensor y = empty(x.shape(), x.dtype());
  if (y.numel() == 0) return y;
  dispatch_parameter(x.dtype(), other.dtype(), [&]<typename T, typename U>() {
    const int64_t period = other.numel();
    dispatch_width<T>(period % kWidth<T> == 0 && aligned(x.raw(), other.raw()), [&]<int N>() {
      const Divisor vectors(period / N);
      if (period == x.numel()) {
        map<T, N>("add", y, Add<T, U, N, false>{values<T>(x), values<U>(other), vectors});
      } else {
        map<T, N>("add", y, Add<T, U, N, true>{values<T>(x), values<U>(other), vectors});
      }
    });
  });
  return y;
}

Tensor add_gated(const Tensor& x, const Tensor& gate, const Tensor& y) {
  const Tensor base = on_device(x), factor = parameter(gate, x.dtype()), other = on_device(y, x.dtype());
  Tensor out = empty(base.shape(), base.dtype());
  if (out.numel() == 0) return out;
  const int64_t tokens = x.dim(1), channels = x.dim(2);
  dispatch_parameter(base.dtype(), factor.dtype(), [&]<typename T, typename U>() {
    dispatch_width<T>(channels % kWidth<T> == 0 && aligned(base.raw(), factor.raw(), other.raw()), [&]<int N>() {
      map<T, N>("add_gated", out,
                AddGated<T, U, N>{values<T>(base), values<U>(factor), values<T>(other), Divisor(tokens * channels / N),
                                  Divisor(channels / N), channels});
    });
  });
  return out;
}

Tensor activate(const Tensor& x, ops::Activation activation) {
  const Tensor source = on_device(x);
  if (activation == ops::Activation::kNone) return source;
  Tensor y = empty(source.shape(), source.dtype());
  dispatch_floating(y.dtype(), [&]<typename T>() {
    dispatch_width<T>(y.numel() % kWidth<T> == 0 && aligned(source.raw()), [&]<int N>() {
      map<T, N>("activate", y, Activate<T, N>{values<T>(source), activation});
    });
  });
  return y;
}

Tensor gated_activation(const Tensor& gate, const Tensor& up, ops::Activation activation) {
  const Tensor factor = on_device(gate), other = on_device(up, gate.dtype());
  Tensor y = empty(factor.shape(), factor.dtype());
  dispatch_floating(y.dtype(), [&]<typename T>() {
    dispatch_width<T>(y.numel() % kWidth<T> == 0 && aligned(factor.raw(), other.raw()), [&]<int N>() {
      map<T, N>("gated_activation", y, GatedActivation<T, N>{values<T>(factor), values<T>(other), activation});
    });
  });
  return y;
}

Tensor clamp(const Tensor& x, float least, float most) {
  const Tensor source = on_device(x);
  Tensor y = empty(source.shape(), source.dtype());
  dispatch_floating(y.dtype(), [&]<typename T>() {
    dispatch_width<T>(y.numel() % kWidth<T> == 0 && aligned(source.raw()), [&]<int N>() {
      map<T, N>("clamp", y, Clamp<T, N>{values<T>(source), least, most});
    });
  });
  return y;
}

Tensor linear_combination(std::span<const float> coefficients, std::span<const Tensor> tensors) {
  Tensor y = empty(tensors[0].shape(), tensors[0].dtype());
  // Terms keep their dtypes: a solver's sum of an f32 sample and a bf16 prediction loses nothing.
  Tensor operands[kMostTerms];
  const size_t count = std::min<size_t>(tensors.size(), kMostTerms);
  bool wide = true;
  for (size_t t = 0; t < count; ++t) {
    operands[t] = on_device(tensors[t]);
    wide = wide && aligned(operands[t].raw());
  }
  dispatch_floating(y.dtype(), [&]<typename T>() {
    dispatch_width<T>(wide && y.numel() % kWidth<T> == 0, [&]<int N>() {
      LinearCombination<N> sum{};
      sum.count = static_cast<int>(count);
      for (size_t t = 0; t < count; ++t) {
        sum.terms[t] = operands[t].raw();
        sum.coefficients[t] = coefficients[t];
        sum.dtypes[t] = operands[t].dtype();
      }
      map<T, N>("linear_combination", y, sum);
    });
  });
  if (count == tensors.size()) return y;
  // More than fit into one launch: the sum of those that did, and the others.
  std::vector<Tensor> rest = {y};
  rest.insert(rest.end(), tensors.begin() + kMostTerms, tensors.end());
  std::vector<float> factors = {1};
  factors.insert(factors.end(), coefficients.begin() + kMostTerms, coefficients.end());
  return linear_combination(factors, rest);
}

Tensor count_nonfinite(const Tensor& x) {
  const Tensor source = on_device(x);
  Tensor total = empty({1}, DType::kI32);
  check(cudaMemsetAsync(total.raw_mut(), 0, total.nbytes(), stream()), "cudaMemsetAsync");
  dispatch_floating(source.dtype(), [&]<typename T>() {
    dispatch_width<T>(source.numel() % kWidth<T> == 0 && aligned(source.raw()), [&]<int N>() {
      const int64_t vectors = source.numel() / N, blocks = ceil_div(vectors, kCountThreads);
      launch("count_nonfinite", count_kernel<T, N>, std::min<int64_t>(blocks, 8 * current().multiprocessors()),
             kCountThreads, values<T>(source), vectors, static_cast<int*>(total.raw_mut()));
    });
  });
  return total;
}

}  // namespace swan::backends::cuda

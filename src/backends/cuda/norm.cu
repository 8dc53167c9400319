#include "cuda/activation.cuh"
#include "cuda/entries.h"
#include "cuda/f8.cuh"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace swan::backends::cuda {

namespace {

// What a normalisation does to its rows of `channels` values:
//   y = activation((x - mean) / root * (one + weight) + bias) + residual
// where the mean is 0 but for layer normalisation. Null pointers: no such term.
template <typename T, typename U>
struct Norm {
  const T* x = nullptr;
  T* y = nullptr;
  int64_t rows = 0;
  int channels = 0;
  float eps = 0;
  const U* weight = nullptr;
  const U* bias = nullptr;
  Divisor rows_per_sample{1};
  int64_t sample_stride = 0;  // of weight and bias; 0: all samples share them
  float one = 0;
  ops::Activation activation = ops::Activation::kNone;
  const T* residual = nullptr;
  // Rotary positions, of pairs of channels, applied last: tables [tokens, half], half of a head's channels.
  const float* cos = nullptr;
  const float* sin = nullptr;
  int half = 0;
  Divisor tokens{1};
  // In place of y: e4m3 with a scale a row (ops/quantized.h).
  uint8_t* quantized = nullptr;
  float* scales = nullptr;
};

template <int kGroup>
__device__ __forceinline__ float group_sum(float value) {
  return group_reduce<kGroup>(value, [](float a, float b) { return a + b; });
}

// Rotates the pairs of channels of a row's vector.
template <int N, typename T, typename U>
__device__ __forceinline__ void rotate(const Norm<T, U>& n, int64_t row, int channel, float (&v)[N]) {
  if constexpr (N % 2 == 0) {
    const int64_t at = n.tokens.divide(row).remainder * n.half + channel % (2 * n.half) / 2;
    float c[N / 2], s[N / 2];
    load<N / 2>(n.cos + at, c);
    load<N / 2>(n.sin + at, s);
#pragma unroll
    for (int k = 0; k < N / 2; ++k) {
      const float even = v[2 * k], odd = v[2 * k + 1];
      v[2 * k] = even * c[k] - odd * s[k];
      v[2 * k + 1] = even * s[k] + odd * c[k];
    }
  }
}

// From centred-and-scaled values of a row to the result.
template <int N, typename T, typename U>
__device__ __forceinline__ void finish(const Norm<T, U>& n, const U* weight, const U* bias, int64_t row, int channel,
                                       const Pack<T, N>& residual, float (&v)[N]) {
  float term[N];
  if (weight != nullptr) {
    load<N>(weight + channel, term);
#pragma unroll
    for (int k = 0; k < N; ++k) v[k] *= n.one + term[k];
  }
  if (bias != nullptr) {
    load<N>(bias + channel, term);
#pragma unroll
    for (int k = 0; k < N; ++k) v[k] += term[k];
  }
  activate_values<T>(n.activation, v);
  if (n.residual != nullptr) {
    widen(residual, term);
#pragma unroll
    for (int k = 0; k < N; ++k) v[k] += term[k];
  }
  if (n.cos != nullptr) rotate<N>(n, row, channel, v);
}

// The weights of a row's sample.
template <typename T, typename U>
const __device__ __forceinline__ U* of_sample(const Norm<T, U>& n, const U* parameters, int64_t row) {
  if (parameters == nullptr || n.sample_stride == 0) return parameters;
  return parameters + n.rows_per_sample.divide(row).quotient * n.sample_stride;
}

constexpr int kWarpsThreads = 128;  // a block of those whose rows belong to warps or parts of them
constexpr int kRowThreads = 1024;   // at most, of those that have a row a block
constexpr int kLoopThreads = 256;

// Rows of at most kGroup * kPacks vectors (kGroup = 0: blockDim.x * kPacks) of 16 bytes, read once and kept in
// registers as they are: widening them again for every sum costs less than the registers would. kQuantized: the result,
// rounded to T, takes their place until its largest magnitude is known.
template <bool kCentred, bool kQuantized, int kGroup, int kPacks, typename T, typename U>
__global__ void __launch_bounds__(kGroup == 0 ? kRowThreads : kWarpsThreads) norm_kernel(const Norm<T, U> n) {
  constexpr int N = kWidth<T>;
  // A residual that is read along with x is on its way during the sums, but takes as many registers.
  constexpr bool kEarlyResidual = kPacks <= 4;
  const int step = kGroup == 0 ? static_cast<int>(blockDim.x) : kGroup;
  const int first = static_cast<int>(threadIdx.x) % step, vectors = n.channels / N;
  const int64_t wanted =
      static_cast<int64_t>(blockIdx.x) * (static_cast<int>(blockDim.x) / step) + static_cast<int>(threadIdx.x) / step;
  const int64_t row = wanted < n.rows ? wanted : n.rows - 1;  // the last warp stays whole: its lanes sum together
  const T* x = n.x + row * n.channels;

  Pack<T, N> packs[kPacks], residual[kEarlyResidual ? kPacks : 1];
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
    const int vector = first + p * step;
    if (vector < vectors) packs[p] = load_pack<N>(x + vector * N);
  }
  if constexpr (kEarlyResidual) {
    if (n.residual != nullptr) {
#pragma unroll
      for (int p = 0; p < kPacks; ++p) {
        const int vector = first + p * step;
        if (vector < vectors) residual[p] = load_pack<N>(n.residual + row * n.channels + vector * N);
      }
    }
  }

  // Calls fn with the values of each vector that there is.
  const auto for_each = [&](const auto& fn) {
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
      if (first + p * step < vectors) {
        float v[N];
        widen(packs[p], v);
        fn(p, v);
      }
    }
  };
  const auto channels = static_cast<float>(n.channels);
  float mean = 0;
  if constexpr (kCentred) {
    float sum = 0;
    for_each([&](int, const float(&v)[N]) {
#pragma unroll
      for (int k = 0; k < N; ++k) sum += v[k];
    });
    mean = group_sum<kGroup>(sum) / channels;
  }
  float squares = 0;
  for_each([&](int, const float(&v)[N]) {
#pragma unroll
    for (int k = 0; k < N; ++k) squares += (v[k] - mean) * (v[k] - mean);
  });
  const float inverse = 1.0F / sqrtf(group_sum<kGroup>(squares) / channels + n.eps);

  // Lanes of a quantised row beyond the last sum on with the others and write nothing.
  if (!kQuantized && wanted >= n.rows) return;
  const U* weight = of_sample(n, n.weight, row);
  const U* bias = of_sample(n, n.bias, row);
  float largest = 0;
  for_each([&](int p, float(&v)[N]) {
    const int channel = (first + p * step) * N;
#pragma unroll
    for (int k = 0; k < N; ++k) v[k] = (v[k] - mean) * inverse;
    if constexpr (!kEarlyResidual) {
      if (n.residual != nullptr) residual[0] = load_pack<N>(n.residual + row * n.channels + channel);
    }
    finish<N>(n, weight, bias, row, channel, residual[kEarlyResidual ? p : 0], v);
    if constexpr (kQuantized) {
      packs[p] = rounded<T>(v);
      largest = largest_of(packs[p], largest);
    } else {
      store<N>(n.y + row * n.channels + channel, v);
    }
  });
  if constexpr (kQuantized) {
    const RowScale scale = row_scale(group_max<kGroup>(largest));
    if (wanted >= n.rows) return;
    if (first == 0) n.scales[row] = scale.scale;
    for_each([&](int p, const float(&v)[N]) {
      store_f8<N>(n.quantized + row * n.channels + (first + p * step) * N, v, scale);
    });
  }
}

// Rows of any length at any address, read again for every sum.
template <bool kCentred, typename T, typename U>
__global__ void __launch_bounds__(kLoopThreads) norm_loop_kernel(const Norm<T, U> n) {
  const int64_t row = blockIdx.x;
  const T* x = n.x + row * n.channels;
  const auto first = static_cast<int>(threadIdx.x), step = static_cast<int>(blockDim.x);
  const auto channels = static_cast<float>(n.channels);
  float mean = 0;
  if constexpr (kCentred) {
    float sum = 0;
    for (int c = first; c < n.channels; c += step) sum += to_float(x[c]);
    mean = group_sum<0>(sum) / channels;
  }
  float squares = 0;
  for (int c = first; c < n.channels; c += step) {
    const float deviation = to_float(x[c]) - mean;
    squares += deviation * deviation;
  }
  const float inverse = 1.0F / sqrtf(group_sum<0>(squares) / channels + n.eps);
  const U* weight = of_sample(n, n.weight, row);
  const U* bias = of_sample(n, n.bias, row);
  for (int c = first; c < n.channels; c += step) {
    float v[1] = {(to_float(x[c]) - mean) * inverse};
    Pack<T, 1> residual{};
    if (n.residual != nullptr) residual.values[0] = n.residual[row * n.channels + c];
    finish<1>(n, weight, bias, row, c, residual, v);
    store<1>(n.y + row * n.channels + c, v);
  }
}

// False, and nothing is done: no kernel quantises such rows.
template <bool kCentred, bool kQuantized = false, typename T, typename U>
bool run(const char* name, const Norm<T, U>& n) {
  const auto in_warps = [&]<int kGroup, int kPacks>() {
    launch(name, norm_kernel<kCentred, kQuantized, kGroup, kPacks, T, U>, ceil_div(n.rows, kWarpsThreads / kGroup),
           kWarpsThreads, n);
    return true;
  };
  constexpr int N = kWidth<T>, kRowPacks = 2;
  const int vectors = n.channels / N;
  // Parameters are read N at a time too, of whatever type they are.
  const bool wide = n.channels % N == 0 && aligned(n.x, n.y, n.weight, n.bias, n.residual);
  if (!wide || vectors > kRowThreads * kRowPacks) {
    if constexpr (kQuantized) return false;
    int threads = 32;
    while (threads < kLoopThreads && threads < n.channels) threads *= 2;
    launch(name, norm_loop_kernel<kCentred, T, U>, n.rows, threads, n);
    return true;
  }
  if (vectors <= 16) return in_warps.template operator()<16, 1>();
  if (vectors <= 32) return in_warps.template operator()<32, 1>();
  if (vectors <= 64) return in_warps.template operator()<32, 2>();
  if (vectors <= 96) return in_warps.template operator()<32, 3>();
  if (vectors <= 128) return in_warps.template operator()<32, 4>();
  if (vectors <= 160) return in_warps.template operator()<32, 5>();
  if (vectors <= 192) return in_warps.template operator()<32, 6>();
  if (vectors <= 288) return in_warps.template operator()<32, 9>();
  launch(name, norm_kernel<kCentred, kQuantized, 0, kRowPacks, T, U>, n.rows,
         static_cast<int>(ceil_div(vectors, 32 * kRowPacks)) * 32, n);
  return true;
}

}  // namespace

Tensor rms_norm(const Tensor& x, const Tensor& weight, float eps, const ops::RmsNormOptions& options) {
  const Tensor source = on_device(x), factor = on_device(weight, DType::kF32);
  const Tensor bias = on_device(options.bias, DType::kF32), residual = on_device(options.residual, x.dtype());
  Tensor y = empty(source.shape(), source.dtype());
  if (y.numel() == 0) return y;
  dispatch_floating(y.dtype(), [&]<typename T>() {
    run<false>("rms_norm", Norm<T, float>{.x = values<T>(source),
                                          .y = static_cast<T*>(y.raw_mut()),
                                          .rows = y.numel() / y.dim(-1),
                                          .channels = static_cast<int>(y.dim(-1)),
                                          .eps = eps,
                                          .weight = values<float>(factor),
                                          .bias = values<float>(bias),
                                          .one = options.weight_plus_one ? 1.0F : 0.0F,
                                          .activation = options.activation,
                                          .residual = values<T>(residual)});
  });
  return y;
}

Tensor rms_norm_rope_interleaved(const Tensor& x, const Tensor& weight, float eps, const Tensor& cos,
                                 const Tensor& sin) {
  const Tensor source = on_device(x), factor = on_device(weight, DType::kF32);
  const Tensor c = on_device(cos, DType::kF32), s = on_device(sin, DType::kF32);
  Tensor y = empty(source.shape(), source.dtype());
  if (y.numel() == 0) return y;
  const int64_t half = c.dim(1);
  bool fused = true;
  dispatch_floating(y.dtype(), [&]<typename T>() {
    constexpr int N = kWidth<T>;
    // The kernel that takes a row a value at a time does not see pairs.
    fused = y.dim(2) % N == 0 && 2 * half % N == 0 && y.dim(2) / N <= kRowThreads * 2 &&
            aligned(source.raw(), factor.raw(), c.raw(), s.raw());
    if (!fused) return;
    run<false>("rms_norm_rope", Norm<T, float>{.x = values<T>(source),
                                               .y = static_cast<T*>(y.raw_mut()),
                                               .rows = y.dim(0) * y.dim(1),
                                               .channels = static_cast<int>(y.dim(2)),
                                               .eps = eps,
                                               .weight = values<float>(factor),
                                               .cos = values<float>(c),
                                               .sin = values<float>(s),
                                               .half = static_cast<int>(half),
                                               .tokens = Divisor(y.dim(1))});
  });
  return fused ? y : rope_interleaved(rms_norm(source, factor, eps, {}), c, s);
}

namespace {
// What layer normalisations have in common: operands on the device and what their kernels are told.
struct LayerNorm {
  Tensor source, factor, offset;
  float eps;

  template <typename T>
  [[nodiscard]] Norm<T, float> kernel() const {
    return {.x = values<T>(source),
            .rows = source.numel() / source.dim(-1),
            .channels = static_cast<int>(source.dim(-1)),
            .eps = eps,
            .weight = values<float>(factor),
            .bias = values<float>(offset)};
  }
};
LayerNorm layer_norm_of(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps) {
  return {on_device(x), on_device(weight, DType::kF32), on_device(bias, DType::kF32), eps};
}

struct Modulated {
  Tensor source, factor, offset;
  DType modulation;  // of factor and offset
  float eps;

  template <typename T, typename U>
  [[nodiscard]] Norm<T, U> kernel() const {
    return {.x = values<T>(source),
            .rows = source.dim(0) * source.dim(1),
            .channels = static_cast<int>(source.dim(2)),
            .eps = eps,
            .weight = values<U>(factor),
            .bias = values<U>(offset),
            .rows_per_sample = Divisor(source.dim(1)),
            .sample_stride = source.dim(2),
            .one = 1};
  }
};
Modulated modulated(const Tensor& x, const Tensor& scale, const Tensor& shift, float eps) {
  const DType modulation = scale.dtype() == x.dtype() && shift.dtype() == x.dtype() ? x.dtype() : DType::kF32;
  return {on_device(x), on_device(scale, modulation), on_device(shift, modulation), modulation, eps};
}

// The kernel that leaves e4m3 behind; false where there is none: of f32, which networks do not quantise.
template <typename T, typename U>
bool run_quantized(const char* name, Norm<T, U> n, ops::QuantizedRows& y) {
  if constexpr (std::is_same_v<T, float>) {
    return false;
  } else {
    n.quantized = static_cast<uint8_t*>(y.values.raw_mut());
    n.scales = static_cast<float*>(y.scales.raw_mut());
    return run<true, true>(name, n);
  }
}
}  // namespace

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps) {
  const LayerNorm norm = layer_norm_of(x, weight, bias, eps);
  Tensor y = empty(norm.source.shape(), norm.source.dtype());
  if (y.numel() == 0) return y;
  dispatch_floating(y.dtype(), [&]<typename T>() {
    auto n = norm.kernel<T>();
    n.y = static_cast<T*>(y.raw_mut());
    run<true>("layer_norm", n);
  });
  return y;
}

ops::QuantizedRows layer_norm_quantized(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps) {
  const LayerNorm norm = layer_norm_of(x, weight, bias, eps);
  ops::QuantizedRows y = empty_rows(norm.source.shape());
  if (y.values.numel() == 0) return y;
  bool done = false;
  dispatch_floating(norm.source.dtype(),
                    [&]<typename T>() { done = run_quantized("layer_norm_quantized", norm.kernel<T>(), y); });
  return done ? y : quantize_rows(layer_norm(norm.source, norm.factor, norm.offset, eps), ops::Activation::kNone);
}

Tensor layer_norm_modulate(const Tensor& x, const Tensor& scale, const Tensor& shift, float eps) {
  const Modulated norm = modulated(x, scale, shift, eps);
  Tensor y = empty(norm.source.shape(), norm.source.dtype());
  if (y.numel() == 0) return y;
  dispatch_parameter(y.dtype(), norm.modulation, [&]<typename T, typename U>() {
    auto n = norm.kernel<T, U>();
    n.y = static_cast<T*>(y.raw_mut());
    run<true>("layer_norm_modulate", n);
  });
  return y;
}

ops::QuantizedRows layer_norm_modulate_quantized(const Tensor& x, const Tensor& scale, const Tensor& shift, float eps) {
  const Modulated norm = modulated(x, scale, shift, eps);
  ops::QuantizedRows y = empty_rows(norm.source.shape());
  if (y.values.numel() == 0) return y;
  bool done = false;
  dispatch_parameter(norm.source.dtype(), norm.modulation, [&]<typename T, typename U>() {
    done = run_quantized("layer_norm_modulate_quantized", norm.kernel<T, U>(), y);
  });
  return done ? y
              : quantize_rows(layer_norm_modulate(norm.source, norm.factor, norm.offset, eps), ops::Activation::kNone);
}

}  // namespace swan::backends::cuda

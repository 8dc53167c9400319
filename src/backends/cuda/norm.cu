#include "cuda/activation.cuh"
#include "cuda/entries.h"
#include "cuda/launch.cuh"

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
};

// The sum of a value over kGroup neighbouring lanes of a warp, or (kGroup = 0) over a block of whole warps. Everyone
// adds in the same order: all get the same bits.
template <int kGroup>
__device__ __forceinline__ float group_sum(float value) {
  constexpr unsigned kAll = 0xffffffffU;
#pragma unroll
  for (int offset = (kGroup == 0 ? 32 : kGroup) / 2; offset > 0; offset /= 2)
    value += __shfl_xor_sync(kAll, value, offset);
  if constexpr (kGroup == 0) {
    __shared__ float partial[32];
    const unsigned lane = threadIdx.x % 32;
    __syncthreads();  // the previous sum has been read
    if (lane == 0) partial[threadIdx.x / 32] = value;
    __syncthreads();
    value = lane < blockDim.x / 32 ? partial[lane] : 0.0F;
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) value += __shfl_xor_sync(kAll, value, offset);
  }
  return value;
}

// From centred-and-scaled values of a row to the result.
template <int N, typename T, typename U>
__device__ __forceinline__ void finish(const Norm<T, U>& n, const U* weight, const U* bias, int channel, T* y,
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
  store<N>(y + channel, v);
}

// The weights of a row's sample.
template <typename T, typename U>
__device__ const __forceinline__ U* of_sample(const Norm<T, U>& n, const U* parameters, int64_t row) {
  if (parameters == nullptr || n.sample_stride == 0) return parameters;
  return parameters + n.rows_per_sample.divide(row).quotient * n.sample_stride;
}

constexpr int kWarpsThreads = 128;  // a block of those whose rows belong to warps or parts of them
constexpr int kRowThreads = 1024;   // at most, of those that have a row a block
constexpr int kLoopThreads = 256;

// Rows of at most kGroup * kPacks vectors (kGroup = 0: blockDim.x * kPacks) of 16 bytes, read once and kept in
// registers as they are: widening them again for every sum costs less than the registers would.
template <bool kCentred, int kGroup, int kPacks, typename T, typename U>
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
  T* y = n.y + row * n.channels;

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

  if (wanted >= n.rows) return;
  const U* weight = of_sample(n, n.weight, row);
  const U* bias = of_sample(n, n.bias, row);
  for_each([&](int p, float(&v)[N]) {
    const int channel = (first + p * step) * N;
#pragma unroll
    for (int k = 0; k < N; ++k) v[k] = (v[k] - mean) * inverse;
    if constexpr (!kEarlyResidual) {
      if (n.residual != nullptr) residual[0] = load_pack<N>(n.residual + row * n.channels + channel);
    }
    finish<N>(n, weight, bias, channel, y, residual[kEarlyResidual ? p : 0], v);
  });
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
    finish<1>(n, weight, bias, c, n.y + row * n.channels, residual, v);
  }
}

template <bool kCentred, typename T, typename U>
void run(const char* name, const Norm<T, U>& n) {
  const auto in_warps = [&]<int kGroup, int kPacks>() {
    launch(name, norm_kernel<kCentred, kGroup, kPacks, T, U>, ceil_div(n.rows, kWarpsThreads / kGroup), kWarpsThreads,
           n);
  };
  constexpr int N = kWidth<T>, kRowPacks = 2;
  const int vectors = n.channels / N;
  // Parameters are read N at a time too, of whatever type they are.
  const bool wide = n.channels % N == 0 && aligned(n.x, n.y, n.weight, n.bias, n.residual);
  if (!wide || vectors > kRowThreads * kRowPacks) {
    int threads = 32;
    while (threads < kLoopThreads && threads < n.channels) threads *= 2;
    return launch(name, norm_loop_kernel<kCentred, T, U>, n.rows, threads, n);
  }
  if (vectors <= 16) return in_warps.template operator()<16, 1>();
  if (vectors <= 32) return in_warps.template operator()<32, 1>();
  if (vectors <= 64) return in_warps.template operator()<32, 2>();
  if (vectors <= 96) return in_warps.template operator()<32, 3>();
  if (vectors <= 128) return in_warps.template operator()<32, 4>();
  if (vectors <= 160) return in_warps.template operator()<32, 5>();
  if (vectors <= 192) return in_warps.template operator()<32, 6>();
  if (vectors <= 288) return in_warps.template operator()<32, 9>();
  launch(name, norm_kernel<kCentred, 0, kRowPacks, T, U>, n.rows,
         static_cast<int>(ceil_div(vectors, 32 * kRowPacks)) * 32, n);
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

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps) {
  const Tensor source = on_device(x), factor = on_device(weight, DType::kF32), offset = on_device(bias, DType::kF32);
  Tensor y = empty(source.shape(), source.dtype());
  if (y.numel() == 0) return y;
  dispatch_floating(y.dtype(), [&]<typename T>() {
    run<true>("layer_norm", Norm<T, float>{.x = values<T>(source),
                                           .y = static_cast<T*>(y.raw_mut()),
                                           .rows = y.numel() / y.dim(-1),
                                           .channels = static_cast<int>(y.dim(-1)),
                                           .eps = eps,
                                           .weight = values<float>(factor),
                                           .bias = values<float>(offset)});
  });
  return y;
}

Tensor layer_norm_modulate(const Tensor& x, const Tensor& scale, const Tensor& shift, float eps) {
  const Tensor source = on_device(x);
  const DType modulation = scale.dtype() == x.dtype() && shift.dtype() == x.dtype() ? x.dtype() : DType::kF32;
  const Tensor factor = on_device(scale, modulation), offset = on_device(shift, modulation);
  Tensor y = empty(source.shape(), source.dtype());
  if (y.numel() == 0) return y;
  dispatch_parameter(y.dtype(), modulation, [&]<typename T, typename U>() {
    run<true>("layer_norm_modulate", Norm<T, U>{.x = values<T>(source),
                                                .y = static_cast<T*>(y.raw_mut()),
                                                .rows = y.dim(0) * y.dim(1),
                                                .channels = static_cast<int>(y.dim(2)),
                                                .eps = eps,
                                                .weight = values<U>(factor),
                                                .bias = values<U>(offset),
                                                .rows_per_sample = Divisor(y.dim(1)),
                                                .sample_stride = y.dim(2),
                                                .one = 1});
  });
  return y;
}

}  // namespace swan::backends::cuda

#include "cuda/quantize.h"

#include "cuda/activation.cuh"
#include "cuda/entries.h"
#include "cuda/f8.cuh"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace swan::backends::cuda {

namespace {

// Rows to round to e4m3: activation(x + bias), rounded to T first.
template <typename T>
struct Rows {
  const T* x;
  const T* bias;  // or null
  uint8_t* values;
  float* scales;
  int64_t rows;
  int length;
  ops::Activation activation;
};

// What is rounded to e4m3 of N neighbours of a row.
template <int N, typename T>
__device__ __forceinline__ Pack<T, N> prepared(const Rows<T>& r, int64_t row, int column) {
  const Pack<T, N> pack = load_pack<N>(r.x + row * r.length + column);
  if (r.bias == nullptr && r.activation == ops::Activation::kNone) return pack;
  float v[N];
  widen(pack, v);
  if (r.bias != nullptr) {
    float bias[N];
    load<N>(r.bias + column, bias);
#pragma unroll
    for (int k = 0; k < N; ++k) v[k] += bias[k];
  }
  activate_values<T>(r.activation, v);
  return rounded<T>(v);
}

constexpr int kWarpsThreads = 128;  // a block of those whose rows belong to warps
constexpr int kRowThreads = 1024;   // at most, of those that have a row a block
constexpr int kLoopThreads = 256;

// Rows of at most kGroup * kPacks vectors (kGroup = 0: blockDim.x * kPacks) of 16 bytes, read once.
template <int kGroup, int kPacks, typename T>
__global__ void __launch_bounds__(kGroup == 0 ? kRowThreads : kWarpsThreads) quantize_kernel(const Rows<T> r) {
  constexpr int N = kWidth<T>;
  const int step = kGroup == 0 ? static_cast<int>(blockDim.x) : kGroup;
  const int first = static_cast<int>(threadIdx.x) % step, vectors = r.length / N;
  const int64_t row =
      static_cast<int64_t>(blockIdx.x) * (static_cast<int>(blockDim.x) / step) + static_cast<int>(threadIdx.x) / step;
  if (row >= r.rows) return;  // whole warps: kGroup is 32, or 0 with a row for every block
  Pack<T, N> packs[kPacks];
  float largest = 0;
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
    const int vector = first + p * step;
    if (vector < vectors) packs[p] = prepared<N>(r, row, vector * N);
  }
#pragma unroll
  for (int p = 0; p < kPacks; ++p)
    if (first + p * step < vectors) largest = largest_of(packs[p], largest);
  const RowScale scale = row_scale(group_max<kGroup>(largest));
  if (first == 0) r.scales[row] = scale.scale;
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
    const int vector = first + p * step;
    if (vector < vectors) {
      float v[N];
      widen(packs[p], v);
      store_f8<N>(r.values + row * r.length + vector * N, v, scale);
    }
  }
}

// Rows of any length at any address, read twice.
template <typename T>
__global__ void __launch_bounds__(kLoopThreads) quantize_loop_kernel(const Rows<T> r) {
  const int64_t row = blockIdx.x;
  float largest = 0;
  for (int c = static_cast<int>(threadIdx.x); c < r.length; c += static_cast<int>(blockDim.x))
    largest = largest_of(prepared<1>(r, row, c), largest);
  const RowScale scale = row_scale(group_max<0>(largest));
  if (threadIdx.x == 0) r.scales[row] = scale.scale;
  for (int c = static_cast<int>(threadIdx.x); c < r.length; c += static_cast<int>(blockDim.x)) {
    float v[1];
    widen(prepared<1>(r, row, c), v);
    store_f8<1>(r.values + row * r.length + c, v, scale);
  }
}

template <typename T>
void run(const Rows<T>& r) {
  constexpr const char* kName = "quantize_rows";
  constexpr int N = kWidth<T>, kRowPacks = 5;  // a feed-forward's 8960 channels in 16 bits are 7 warps of 5
  const int vectors = r.length / N;
  if (r.length % N != 0 || !aligned(r.x, r.bias) || vectors > kRowThreads * kRowPacks) {
    int threads = 32;
    while (threads < kLoopThreads && threads < r.length) threads *= 2;
    return launch(kName, quantize_loop_kernel<T>, r.rows, threads, r);
  }
  const auto in_warps = [&]<int kPacks>() {
    launch(kName, quantize_kernel<32, kPacks, T>, ceil_div(r.rows, kWarpsThreads / 32), kWarpsThreads, r);
  };
  if (vectors <= 64) return in_warps.template operator()<2>();
  if (vectors <= 192) return in_warps.template operator()<6>();
  if (vectors <= 288) return in_warps.template operator()<9>();
  launch(kName, quantize_kernel<0, kRowPacks, T>, r.rows, static_cast<int>(ceil_div(vectors, 32 * kRowPacks)) * 32, r);
}

template <typename T>
struct ScaleSums {
  static constexpr int N = kWidth<T>;
  const float* sums;
  const float* rows;
  const float* columns;
  const T* bias;
  ops::Activation activation;
  Divisor vectors_of_row;

  __device__ __forceinline__ void operator()(int64_t i, float (&v)[N]) const {
    const auto [row, vector] = vectors_of_row.divide(i);
    float factor[N], added[N];
    load<N>(sums + i * N, v);
    load<N>(columns + vector * N, factor);
    const float of_row = rows[row];
#pragma unroll
    for (int k = 0; k < N; ++k) v[k] = v[k] * of_row * factor[k];
    if (bias != nullptr) {
      load<N>(bias + vector * N, added);
#pragma unroll
      for (int k = 0; k < N; ++k) v[k] += added[k];
    }
    activate_values<T>(activation, v);
  }
};

}  // namespace

ops::QuantizedRows quantize_biased(const Tensor& x, const Tensor& bias, ops::Activation activation) {
  ops::QuantizedRows y = empty_rows(x.shape());
  if (x.numel() == 0) return y;
  dispatch_floating(x.dtype(), [&]<typename T>() {
    run(Rows<T>{.x = values<T>(x),
                .bias = values<T>(bias),
                .values = static_cast<uint8_t*>(y.values.raw_mut()),
                .scales = static_cast<float*>(y.scales.raw_mut()),
                .rows = y.scales.numel(),
                .length = static_cast<int>(x.dim(-1)),
                .activation = activation});
  });
  return y;
}

ops::QuantizedRows quantize_rows(const Tensor& x, ops::Activation activation) {
  return quantize_biased(on_device(x), {}, activation);
}

ops::QuantizedRows quantize_weight(const Tensor& weight) {
  refuse_recording();
  ops::QuantizedRows rows = quantize_rows(weight, ops::Activation::kNone);
  weight.drop_copy();
  weight.drop_pages();
  return rows;
}

void scale_sums(const Tensor& sums, const Tensor& rows, const Tensor& columns, const Tensor& bias,
                ops::Activation activation, Tensor& y) {
  dispatch_floating(y.dtype(), [&]<typename T>() {
    map<T, kWidth<T>>("scale_sums", y,
                      ScaleSums<T>{.sums = values<float>(sums),
                                   .rows = values<float>(rows),
                                   .columns = values<float>(columns),
                                   .bias = values<T>(bias),
                                   .activation = activation,
                                   .vectors_of_row = Divisor(y.dim(1) / kWidth<T>)});
  });
}

}  // namespace swan::backends::cuda

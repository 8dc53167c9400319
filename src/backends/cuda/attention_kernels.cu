#include <algorithm>
#include <cmath>

#include "cuda/attention_kernels.h"
#include "cuda/dispatch.cuh"
#include "cuda/runtime.h"

namespace swan::backends::cuda {

namespace {
constexpr int kWarp = 32;
constexpr int kVector = 4;  // scores that a thread reads at once

template <typename T>
struct alignas(sizeof(T) * kVector) Quad {
  T values[kVector];
};

// The place of one row among the scores, and its biases.
struct Row {
  float* scores;
  int64_t offset;  // of the row in scores and weights
  const float* head_bias;
  const float* bias;
};

__device__ __forceinline__ Row row_of(float* scores, int64_t row, const SoftmaxRows& s) {
  const int64_t head = s.first_head + row / s.rows, query = s.first_row + row % s.rows;
  return {.scores = scores + row * s.pitch,
          .offset = row * s.pitch,
          .head_bias = s.head_bias == nullptr ? nullptr : s.head_bias + (head * s.queries + query) * s.keys,
          .bias = s.bias == nullptr || !s.bias_per_query ? s.bias : s.bias + query * s.keys};
}

// Four scores from `column` on, with scale, cap and biases; minus infinity beyond the last key.
__device__ __forceinline__ void load_scores(const Row& row, int column, const SoftmaxRows& s, float (&x)[kVector]) {
  const auto keys = static_cast<int>(s.keys);
  if (column >= keys) {
#pragma unroll
    for (int j = 0; j < kVector; ++j) x[j] = -INFINITY;
    return;
  }
  const float4 loaded = *reinterpret_cast<const float4*>(row.scores + column);
  const float raw[kVector] = {loaded.x, loaded.y, loaded.z, loaded.w};
#pragma unroll
  for (int j = 0; j < kVector; ++j) {
    float value = -INFINITY;
    if (column + j < keys) {
      value = raw[j] * s.scale;
      if (s.softcap != 0.0F) value = tanhf(value / s.softcap) * s.softcap;
      if (row.head_bias != nullptr) value += row.head_bias[column + j];
      if (row.bias != nullptr) value += row.bias[column + j];
    }
    x[j] = value;
  }
}

__device__ __forceinline__ float larger(float a, float b) { return fmaxf(a, b); }
__device__ __forceinline__ float plus(float a, float b) { return a + b; }

// Combines a value of each of kThreads threads that follow each other in the block; all get the result. Always in the
// same order. `shared` has room for one float a warp.
template <int kThreads, typename Combine>
__device__ __forceinline__ float combine(float value, float* shared, const Combine& with) {
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2)
    value = with(value, __shfl_xor_sync(0xffffffffU, value, offset));
  if constexpr (kThreads > kWarp) {
    __syncthreads();  // the results before may still be read
    if (threadIdx.x % kWarp == 0) shared[threadIdx.x / kWarp] = value;
    __syncthreads();
    value = shared[0];
#pragma unroll
    for (int warp = 1; warp < kThreads / kWarp; ++warp) value = with(value, shared[warp]);
  }
  return value;
}

template <typename T>
__device__ __forceinline__ float exponential(float x) {
  return std::is_same_v<T, float> ? expf(x) : __expf(x);
}

// Rows of at most kThreads * kQuads * 4 keys, kept in registers. kThreads threads a row: a warp, or the whole block.
template <typename T, int kThreads, int kQuads>
__global__ void softmax_in_registers(float* scores, T* weights, int64_t rows, SoftmaxRows s) {
  __shared__ float shared[kThreads / kWarp];
  const int64_t row_index = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / kThreads;
  if (row_index >= rows) return;  // whole warps of blocks that do not synchronise
  const Row row = row_of(scores, row_index, s);
  const int lane = threadIdx.x % kThreads;
  float x[kQuads][kVector];
  float top = -INFINITY;
#pragma unroll
  for (int i = 0; i < kQuads; ++i) {
    load_scores(row, (i * kThreads + lane) * kVector, s, x[i]);
#pragma unroll
    for (int j = 0; j < kVector; ++j) top = fmaxf(top, x[i][j]);
  }
  top = combine<kThreads>(top, shared, larger);
  float sum = 0;
#pragma unroll
  for (int i = 0; i < kQuads; ++i) {
#pragma unroll
    for (int j = 0; j < kVector; ++j) sum += x[i][j] = exponential<T>(x[i][j] - top);
  }
  const float factor = s.unit / combine<kThreads>(sum, shared, plus);
#pragma unroll
  for (int i = 0; i < kQuads; ++i) {
    const int column = (i * kThreads + lane) * kVector;
    if (column >= s.keys) continue;
    Quad<T> out;
#pragma unroll
    for (int j = 0; j < kVector; ++j) out.values[j] = from_float<T>(x[i][j] * factor);
    *reinterpret_cast<Quad<T>*>(weights + row.offset + column) = out;
  }
}

// Rows of any length, a block a row: the scores are written back with their biases, then with their exponentials.
template <typename T, int kThreads>
__global__ void __launch_bounds__(kThreads) softmax_in_passes(float* scores, T* weights, SoftmaxRows s) {
  __shared__ float shared[kThreads / kWarp];
  const Row row = row_of(scores, blockIdx.x, s);
  const auto keys = static_cast<int>(s.keys);
  float top = -INFINITY, sum = 0;
  for (int column = threadIdx.x * kVector; column < keys; column += kThreads * kVector) {
    float x[kVector];
    load_scores(row, column, s, x);
    for (const float value : x) top = fmaxf(top, value);
    *reinterpret_cast<float4*>(row.scores + column) = make_float4(x[0], x[1], x[2], x[3]);
  }
  top = combine<kThreads>(top, shared, larger);
  for (int column = threadIdx.x * kVector; column < keys; column += kThreads * kVector) {
    auto* at = reinterpret_cast<float4*>(row.scores + column);
    const float4 x = *at;
    const float4 e = make_float4(exponential<T>(x.x - top), exponential<T>(x.y - top), exponential<T>(x.z - top),
                                 exponential<T>(x.w - top));
    sum += (e.x + e.y) + (e.z + e.w);
    *at = e;
  }
  const float factor = s.unit / combine<kThreads>(sum, shared, plus);
  for (int column = threadIdx.x * kVector; column < keys; column += kThreads * kVector) {
    const float4 e = *reinterpret_cast<const float4*>(row.scores + column);
    Quad<T> out;
    out.values[0] = from_float<T>(e.x * factor);
    out.values[1] = from_float<T>(e.y * factor);
    out.values[2] = from_float<T>(e.z * factor);
    out.values[3] = from_float<T>(e.w * factor);
    *reinterpret_cast<Quad<T>*>(weights + row.offset + column) = out;
  }
}

constexpr int kBlock = 256;

template <typename T, int kThreads, int kQuads>
void launch_in_registers(float* scores, T* weights, int64_t rows, const SoftmaxRows& s) {
  constexpr int kThreadsOfBlock = kThreads == kWarp ? 128 : kThreads;
  constexpr int kRowsOfBlock = kThreadsOfBlock / kThreads;
  const auto blocks = static_cast<unsigned>((rows + kRowsOfBlock - 1) / kRowsOfBlock);
  softmax_in_registers<T, kThreads, kQuads><<<blocks, kThreadsOfBlock, 0, stream()>>>(scores, weights, rows, s);
}
}  // namespace

void softmax_rows(float* scores, void* weights, DType dtype, const SoftmaxRows& s) {
  const int64_t rows = s.heads * s.rows;
  if (rows == 0 || s.keys == 0) return;
  dispatch_floating(dtype, [&]<typename T>() {
    auto* to = static_cast<T*>(weights);
    const int64_t quads = (s.keys + kVector - 1) / kVector;
    if (quads <= kWarp) {
      launch_in_registers<T, kWarp, 1>(scores, to, rows, s);
    } else if (quads <= 2 * kWarp) {
      launch_in_registers<T, kWarp, 2>(scores, to, rows, s);
    } else if (quads <= 4 * kWarp) {
      launch_in_registers<T, kWarp, 4>(scores, to, rows, s);
    } else if (quads <= kBlock) {
      launch_in_registers<T, kBlock, 1>(scores, to, rows, s);
    } else if (quads <= 4 * kBlock) {
      launch_in_registers<T, kBlock, 4>(scores, to, rows, s);
    } else {
      softmax_in_passes<T, kBlock><<<static_cast<unsigned>(rows), kBlock, 0, stream()>>>(scores, to, s);
    }
  });
  check_launch("softmax_rows");
}

}  // namespace swan::backends::cuda

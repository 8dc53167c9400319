#include <cmath>
#include <cstring>

#include "cuda/entries.h"
#include "cuda/launch.cuh"
#include "ops/embedding.h"

namespace swan::backends::cuda {

namespace {

template <typename U, int N>
struct Embedding {
  const int* ids;
  const U* table;
  Divisor row;  // vectors a row
  int64_t channels;
  float scale;

  __device__ __forceinline__ void operator()(int64_t i, float (&y)[N]) const {
    const auto [token, vector] = row.divide(i);
    load<N>(table + ids[token] * channels + vector * N, y);
#pragma unroll
    for (int k = 0; k < N; ++k) y[k] *= scale;
  }
};

struct TimestepEmbedding {
  const float* timesteps;
  Divisor dim;
  int half;
  float log_period;

  // Angles reach 1000, where one unit in the last place of a frequency shows in the fifth digit of the sine: like the
  // host's functions, and unlike the GPU's in f32, those of f64 are exact to the rounding. They are a few hundred.
  __device__ void operator()(int64_t index, float (&y)[1]) const {
    const auto [sample, column] = dim.divide(index);
    const bool cosine = column < half;
    const auto i = static_cast<float>(cosine ? column : column - half);
    const auto frequency = static_cast<float>(exp(static_cast<double>(-log_period * i / static_cast<float>(half))));
    const auto angle = static_cast<double>(timesteps[sample] * frequency);
    y[0] = static_cast<float>(cosine ? cos(angle) : sin(angle));
  }
};

}  // namespace

namespace {

// The rows of a table on the host that are asked for, in that order.
Tensor gather_on_host(const Tensor& ids, const Tensor& table) {
  Tensor rows = Tensor::empty({ids.numel(), table.dim(1)}, table.dtype());
  const size_t bytes = static_cast<size_t>(table.dim(1)) * size_of(table.dtype());
  for (int64_t i = 0; i < ids.numel(); ++i)
    std::memcpy(static_cast<char*>(rows.raw_mut()) + static_cast<size_t>(i) * bytes,
                static_cast<const char*>(table.raw()) + static_cast<size_t>(ids.data<int32_t>()[i]) * bytes, bytes);
  return rows;
}

Tensor counted_ids(const Shape& shape) {
  Tensor ids = Tensor::empty(shape, DType::kI32);
  for (int64_t i = 0; i < ids.numel(); ++i) ids.data_mut<int32_t>()[i] = static_cast<int32_t>(i);
  return ids;
}

}  // namespace

Tensor embedding(const Tensor& given_ids, const Tensor& given_table, float scale, DType dtype) {
  // A text encoder's table is a gigabyte or two; a prompt asks for a few rows of it.
  const bool few = given_ids.device() == nullptr && given_table.device() == nullptr &&
                   given_ids.numel() < given_table.dim(0);
  const Tensor ids = few ? counted_ids(given_ids.shape()) : given_ids;
  const Tensor table = few ? gather_on_host(given_ids, given_table) : given_table;
  const Tensor rows = on_device(ids), source = on_device(table);
  const int64_t channels = table.dim(1);
  Tensor y = empty({ids.dim(0), ids.dim(1), channels}, dtype);
  if (y.numel() == 0) return y;
  dispatch_floating(dtype, [&]<typename T>() {
    dispatch_floating(source.dtype(), [&]<typename U>() {
      dispatch_width<T>(channels % kWidth<T> == 0 && aligned(source.raw()), [&]<int N>() {
        map<T, N>("embedding", y,
                  Embedding<U, N>{values<int>(rows), values<U>(source), Divisor(channels / N), channels, scale});
      });
    });
  });
  return y;
}

Tensor timestep_embedding(const Tensor& timesteps, int64_t dim) {
  const Tensor source = on_device(timesteps);
  Tensor y = empty({timesteps.dim(0), dim}, DType::kF32);
  map<float, 1>("timestep_embedding", y,
                TimestepEmbedding{values<float>(source), Divisor(dim), static_cast<int>(dim / 2), std::log(10000.0F)});
  return y;
}

}  // namespace swan::backends::cuda

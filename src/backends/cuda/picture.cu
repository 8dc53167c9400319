#include "cuda/entries.h"
#include "cuda/launch.cuh"

namespace swan::backends::cuda {

namespace {

constexpr int kThreads = 256;
constexpr int kPixels = 4;  // that a thread packs: 12 bytes, written as three words

__device__ __forceinline__ unsigned level(float x) {
  const float share = fminf(fmaxf(x * 0.5F + 0.5F, 0.0F), 1.0F);  // NaN gives 0
  return static_cast<unsigned>(__float2int_rn(share * 255.0F));
}

// Each thread packs N pixels of one picture. With N = 4 the planes' rows of values, and y, are aligned to that many.
template <typename T, int N>
__global__ void __launch_bounds__(kThreads) pack_rgb_kernel(const T* __restrict__ x, uint8_t* __restrict__ y,
                                                            int64_t pixels, const Divisor groups, int64_t count) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= count) return;
  const auto [picture, group] = groups.divide(i);
  const T* from = x + picture * 3 * pixels + group * N;
  unsigned levels[3 * N];
#pragma unroll
  for (int c = 0; c < 3; ++c) {
    float values[N];
    load<N>(from + c * pixels, values);
#pragma unroll
    for (int k = 0; k < N; ++k) levels[3 * k + c] = level(values[k]);
  }
  if constexpr (N == kPixels) {
    auto* words = reinterpret_cast<unsigned*>(y) + i * 3;
#pragma unroll
    for (int w = 0; w < 3; ++w)
      words[w] = levels[4 * w] | levels[4 * w + 1] << 8 | levels[4 * w + 2] << 16 | levels[4 * w + 3] << 24;
  } else {
#pragma unroll
    for (int c = 0; c < 3; ++c) y[i * 3 + c] = static_cast<uint8_t>(levels[c]);
  }
}

template <typename T>
struct FadeIn {
  const T* neighbour;
  const T* tile;
  Divisor height, width;
  int64_t from_height, from_width, extent;
  bool above;

  __device__ __forceinline__ void operator()(int64_t i, float (&y)[1]) const {
    const auto [line, column] = width.divide(i);
    const auto [plane, row] = height.divide(line);
    y[0] = to_float(tile[i]);
    const int64_t at = above ? row : column;
    if (at >= extent || (above ? column >= from_width : row >= from_height)) return;
    const int64_t from_row = above ? from_height - extent + row : row;
    const int64_t from_column = above ? column : from_width - extent + column;
    const float from = to_float(neighbour[(plane * from_height + from_row) * from_width + from_column]);
    const double share = static_cast<double>(at) / static_cast<double>(extent);
    // As on the host, where products are rounded before they are added.
    y[0] = __fadd_rn(__fmul_rn(from, static_cast<float>(1.0 - share)), __fmul_rn(y[0], static_cast<float>(share)));
  }
};

}  // namespace

Tensor pack_rgb(const Tensor& x) {
  const Tensor source = on_device(x);
  Tensor y = empty({x.dim(0), x.dim(2), x.dim(3), 3}, DType::kU8);
  if (y.numel() == 0) return y;
  const int64_t pixels = x.dim(2) * x.dim(3);
  dispatch_floating(source.dtype(), [&]<typename T>() {
    const auto pack = [&]<int N>() {
      const int64_t groups = pixels / N, count = x.dim(0) * groups;
      launch("pack_rgb", pack_rgb_kernel<T, N>, ceil_div(count, kThreads), kThreads, values<T>(source),
             static_cast<uint8_t*>(y.raw_mut()), pixels, Divisor(groups), count);
    };
    if (pixels % kPixels == 0 && reinterpret_cast<uintptr_t>(source.raw()) % (kPixels * sizeof(T)) == 0) {
      pack.template operator()<kPixels>();
    } else {
      pack.template operator()<1>();
    }
  });
  return y;
}

Tensor fade_in(const Tensor& neighbour, const Tensor& tile, ops::Neighbour where, int64_t extent) {
  const Tensor source = on_device(tile), from = on_device(neighbour, tile.dtype());
  Tensor y = empty(source.shape(), source.dtype());
  if (y.numel() == 0) return y;
  dispatch_floating(y.dtype(), [&]<typename T>() {
    map<T, 1>("fade_in", y,
              FadeIn<T>{values<T>(from), values<T>(source), Divisor(tile.dim(2)), Divisor(tile.dim(3)), from.dim(2),
                        from.dim(3), extent, where == ops::Neighbour::kAbove});
  });
  return y;
}

}  // namespace swan::backends::cuda

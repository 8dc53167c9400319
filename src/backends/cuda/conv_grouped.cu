#include "cuda/activation.cuh"
#include "cuda/conv_kernels.h"
#include "cuda/launch.cuh"

namespace swan::backends::cuda {

// ---- Depthwise

namespace {
constexpr int kThreads = 256;

struct DepthwiseGeometry {
  int height, width, channels;
  int out_height, out_width;
  int kernel, stride, padding;
  int tiles;  // of a row of the output
};

// A thread makes kAlong neighbouring pixels of kN channels: a loaded pixel then serves up to kAlong outputs.
// kKernel 0: any kernel and stride, kAlong being 1; else stride 1.
template <typename T, int kN, int kKernel, int kAlong>
__global__ void __launch_bounds__(kThreads)
    depthwise_conv_kernel(const T* __restrict__ x, const float* __restrict__ weight, const float* __restrict__ bias,
                          T* __restrict__ y, const DepthwiseGeometry g, const Divisor vectors, const Divisor tiles,
                          const Divisor rows, int64_t count, ops::Activation activation) {
  const int64_t task = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (task >= count) return;
  const auto by_vector = vectors.divide(task);
  const auto by_tile = tiles.divide(by_vector.quotient);
  const auto by_row = rows.divide(by_tile.quotient);
  const int channel = static_cast<int>(by_vector.remainder) * kN;
  const int first = static_cast<int>(by_tile.remainder) * kAlong;
  const int out_row = static_cast<int>(by_row.remainder);
  const T* picture = x + by_row.quotient * g.height * g.width * g.channels + channel;
  const int kernel = kKernel > 0 ? kKernel : g.kernel, stride = kKernel > 0 ? 1 : g.stride;
  const int top = out_row * stride - g.padding, left = first * stride - g.padding;

  float sums[kAlong][kN] = {};
#pragma unroll
  for (int i = 0; i < kernel; ++i) {
    const int in_row = top + i;
    if (in_row < 0 || in_row >= g.height) continue;
    const T* line = picture + static_cast<int64_t>(in_row) * g.width * g.channels;
    const float* taps = weight + static_cast<int64_t>(i) * kernel * g.channels + channel;
    if constexpr (kKernel > 0) {
      float w[kKernel][kN];
#pragma unroll
      for (int j = 0; j < kKernel; ++j) load<kN>(taps + j * g.channels, w[j]);
#pragma unroll
      for (int c = 0; c < kAlong + kKernel - 1; ++c) {
        const int in_column = left + c;
        if (in_column < 0 || in_column >= g.width) continue;
        float pixel[kN];
        load<kN>(line + static_cast<int64_t>(in_column) * g.channels, pixel);
#pragma unroll
        for (int p = 0; p < kAlong; ++p) {
          if (c - p < 0 || c - p >= kKernel) continue;
#pragma unroll
          for (int n = 0; n < kN; ++n) sums[p][n] = fmaf(pixel[n], w[c - p][n], sums[p][n]);
        }
      }
    } else {
      for (int j = 0; j < kernel; ++j) {
        const int in_column = left + j;
        if (in_column < 0 || in_column >= g.width) continue;
        float pixel[kN], w[kN];
        load<kN>(line + static_cast<int64_t>(in_column) * g.channels, pixel);
        load<kN>(taps + static_cast<int64_t>(j) * g.channels, w);
#pragma unroll
        for (int n = 0; n < kN; ++n) sums[0][n] = fmaf(pixel[n], w[n], sums[0][n]);
      }
    }
  }

  float added[kN] = {};
  if (bias != nullptr) load<kN>(bias + channel, added);
  T* out = y + by_tile.quotient * g.out_width * g.channels + channel;
#pragma unroll
  for (int p = 0; p < kAlong; ++p) {
    if (first + p >= g.out_width) break;
#pragma unroll
    for (int n = 0; n < kN; ++n) sums[p][n] += added[n];
    activate_values<T>(activation, sums[p]);
    store<kN>(out + static_cast<int64_t>(first + p) * g.channels, sums[p]);
  }
}

template <typename T, int kN, int kKernel, int kAlong>
void depthwise(const ConvCall& call, Tensor& y) {
  const auto extent = [](const Tensor& t, int i) { return static_cast<int>(t.dim(i)); };
  const DepthwiseGeometry g = {.height = extent(call.x, 1),
                               .width = extent(call.x, 2),
                               .channels = extent(call.x, 3),
                               .out_height = extent(y, 1),
                               .out_width = extent(y, 2),
                               .kernel = static_cast<int>(call.kernel),
                               .stride = static_cast<int>(call.stride),
                               .padding = static_cast<int>(call.padding),
                               .tiles = static_cast<int>(ceil_div(y.dim(2), kAlong))};
  const int64_t vectors = g.channels / kN, count = y.dim(0) * g.out_height * g.tiles * vectors;
  launch("depthwise_conv", depthwise_conv_kernel<T, kN, kKernel, kAlong>, ceil_div(count, kThreads), kThreads,
         values<T>(call.x), values<float>(call.weight), values<float>(call.bias), static_cast<T*>(y.raw_mut()), g,
         Divisor(vectors), Divisor(g.tiles), Divisor(g.out_height), count, call.activation);
}
}  // namespace

void depthwise_conv(const ConvCall& call, Tensor& y) {
  if (y.numel() == 0) return;
  dispatch_floating(y.dtype(), [&]<typename T>() {
    const bool wide =
        y.dim(3) % kWidth<T> == 0 && aligned(call.x.raw(), call.weight.raw(), call.bias.raw(), y.raw_mut());
    dispatch_width<T>(wide, [&]<int kN>() {
      if (call.stride == 1 && call.kernel == 3) return depthwise<T, kN, 3, 4>(call, y);
      if (call.stride == 1 && call.kernel == 5) return depthwise<T, kN, 5, 4>(call, y);
      depthwise<T, kN, 0, 1>(call, y);
    });
  });
}

// ---- Grouped 1x1 on tensor cores

namespace {
constexpr int kGroup = 32;   // channels of a group, in and out
constexpr int kPixels = 16;  // rows of one product
constexpr int kBatch = 4;    // tiles of pixels that are on their way together
constexpr int kBatches = 2;  // for which the weights stay in registers
constexpr int kWarps = kThreads / 32;

// d += a b: 16 x 16 times 16 x 8.
template <typename T>
__device__ __forceinline__ void multiply_add(float (&d)[4], unsigned a0, unsigned a1, unsigned a2, unsigned a3,
                                             unsigned b0, unsigned b1) {
  if constexpr (std::is_same_v<T, __half>) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
  } else {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
  }
}

// A warp makes one group's channels of kBatches * kBatch * 16 pixels without shared memory. A product does not mind in
// which order its 32 terms and its 32 columns stand, as long as both operands agree: they are numbered such that lane
// t of four holds channels 8t to 8t + 7, of the input, the weights' rows and the output alike, which are 16 bytes.
template <typename T>
__global__ void __launch_bounds__(kThreads)
    grouped_pointwise_kernel(const T* __restrict__ x, const T* __restrict__ weight, const float* __restrict__ bias,
                             T* __restrict__ y, int64_t pixels, int groups, ops::Activation activation) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int group = static_cast<int>(blockIdx.y) * kWarps + static_cast<int>(threadIdx.x) / 32;
  if (group >= groups) return;
  const int row = lane / 4, quarter = lane % 4;
  const int64_t channels = static_cast<int64_t>(groups) * kGroup;
  const int64_t column = static_cast<int64_t>(group) * kGroup + quarter * 8;

  uint4 w[4];  // of the product's column `row` in each of four products: output 8 (row / 2) + 2 n + row % 2
#pragma unroll
  for (int n = 0; n < 4; ++n) {
    const int out = 8 * (row / 2) + 2 * n + row % 2;
    w[n] = __ldg(
        reinterpret_cast<const uint4*>(weight + (static_cast<int64_t>(group) * kGroup + out) * kGroup + quarter * 8));
  }
  float added[8] = {};
  if (bias != nullptr) load<8>(bias + column, added);

#pragma unroll 1
  for (int batch = 0; batch < kBatches; ++batch) {
    const int64_t first = (static_cast<int64_t>(blockIdx.x) * kBatches + batch) * (kBatch * kPixels) + row;
    uint4 a[kBatch][2];
#pragma unroll
    for (int i = 0; i < kBatch; ++i)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int64_t pixel = first + i * kPixels + half * 8;
        a[i][half] =
            pixel < pixels ? __ldg(reinterpret_cast<const uint4*>(x + pixel * channels + column)) : uint4{0, 0, 0, 0};
      }
#pragma unroll
    for (int i = 0; i < kBatch; ++i) {
      float out[2][8];  // pixels `row` and row + 8
#pragma unroll
      for (int n = 0; n < 4; ++n) {
        float d[4] = {};
        multiply_add<T>(d, a[i][0].x, a[i][1].x, a[i][0].y, a[i][1].y, w[n].x, w[n].y);
        multiply_add<T>(d, a[i][0].z, a[i][1].z, a[i][0].w, a[i][1].w, w[n].z, w[n].w);
        out[0][2 * n] = d[0];
        out[0][2 * n + 1] = d[1];
        out[1][2 * n] = d[2];
        out[1][2 * n + 1] = d[3];
      }
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int64_t pixel = first + i * kPixels + half * 8;
#pragma unroll
        for (int k = 0; k < 8; ++k) out[half][k] += added[k];
        activate_values<T>(activation, out[half]);
        if (pixel < pixels) store<8>(y + pixel * channels + column, out[half]);
      }
    }
  }
}
}  // namespace

bool grouped_pointwise_suits(const ConvCall& call) {
  return call.kernel == 1 && call.stride == 1 && call.padding == 0 && call.trailing_padding == 0 &&
         size_of(call.x.dtype()) == 2 && call.x.dim(3) == call.groups * kGroup &&
         call.weight.dim(0) == call.groups * kGroup && aligned(call.x.raw());
}

void grouped_pointwise_conv(const ConvCall& call, Tensor& y) {
  const int64_t pixels = y.dim(0) * y.dim(1) * y.dim(2);
  if (pixels == 0) return;
  const auto start = [&]<typename T>() {
    const dim3 grid(static_cast<unsigned>(ceil_div(pixels, kBatches * kBatch * kPixels)),
                    static_cast<unsigned>(ceil_div(call.groups, kWarps)));
    grouped_pointwise_kernel<T><<<grid, kThreads, 0, stream()>>>(
        values<T>(call.x), values<T>(call.weight), values<float>(call.bias), static_cast<T*>(y.raw_mut()), pixels,
        static_cast<int>(call.groups), call.activation);
    check_launch("grouped_pointwise_conv");
  };
  if (y.dtype() == DType::kF16) return start.template operator()<__half>();
  start.template operator()<__nv_bfloat16>();
}

}  // namespace swan::backends::cuda

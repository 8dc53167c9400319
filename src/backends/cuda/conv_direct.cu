#include "cuda/activation.cuh"
#include "cuda/conv_kernels.h"
#include "cuda/launch.cuh"

namespace swan::backends::cuda {

namespace {
constexpr int kThreads = 256;
constexpr int kTile = 64;          // output pixels, and output channels, of a block
constexpr int kDepth = 16;         // products of a step
constexpr int kPitch = kTile + 4;  // keeps rows of a tile aligned to 16 bytes and spreads its columns over the banks
constexpr int kRows = kTile * kDepth / kThreads;  // values that a thread brings into each tile
constexpr int kPerThread = 4;                     // a thread computes 4 x 4 outputs

struct Geometry {
  int64_t pixels;  // of the output, in all samples
  int height, width, channels;
  int out_height, out_width, out_channels;
  int group_in, group_out;
  int kernel, stride, padding;
};

// Rows are output pixels, columns output channels of a group, and the depth runs over (row, column, channel) of the
// kernel, as the packed weights have it.
template <typename T>
__global__ void __launch_bounds__(kThreads)
    direct_conv_kernel(const T* __restrict__ x, const T* __restrict__ weight, const float* __restrict__ bias,
                       T* __restrict__ y, const Geometry g, ops::Activation activation) {
  __shared__ __align__(16) float xs[kDepth][kPitch];
  __shared__ __align__(16) float ws[kDepth][kPitch];
  const int thread = static_cast<int>(threadIdx.x);
  const int64_t first_pixel = static_cast<int64_t>(blockIdx.x) * kTile;
  const int first_out = static_cast<int>(blockIdx.y) * kTile;
  const int group = static_cast<int>(blockIdx.z);
  const int depth = g.kernel * g.kernel * g.group_in;

  // What this thread brings: column `at` of each step, rows `row`, row + 16, ...
  const int at = thread % kDepth, row = thread / kDepth;
  constexpr int kRowStep = kThreads / kDepth;
  const T* picture[kRows];
  int top[kRows], left[kRows];
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    const int64_t pixel = first_pixel + row + r * kRowStep;
    const bool inside = pixel < g.pixels;
    const int64_t line = inside ? pixel / g.out_width : 0;
    const int column = inside ? static_cast<int>(pixel - line * g.out_width) : 0;
    const int64_t sample = line / g.out_height;
    const int out_row = static_cast<int>(line - sample * g.out_height);
    picture[r] = x + sample * g.height * g.width * g.channels + static_cast<int64_t>(group) * g.group_in;
    top[r] = inside ? out_row * g.stride - g.padding : -(1 << 29);  // no row of the kernel is inside the picture
    left[r] = column * g.stride - g.padding;
  }
  const T* filters = weight + (static_cast<int64_t>(group) * g.group_out + first_out) * depth;
  const int outs = min(kTile, g.group_out - first_out);

  float x_next[kRows], w_next[kRows];
  const auto bring = [&](int begin) {
    const int k = begin + at;
    const bool inside = k < depth;
    const int tap = k / g.group_in, channel = k - tap * g.group_in;
    const int i = tap / g.kernel, j = tap - i * g.kernel;
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      const int in_row = top[r] + i, in_column = left[r] + j;
      const bool reads = inside && in_row >= 0 && in_row < g.height && in_column >= 0 && in_column < g.width;
      x_next[r] =
          reads ? to_float(picture[r][(static_cast<int64_t>(in_row) * g.width + in_column) * g.channels + channel])
                : 0.0F;
      const int out = row + r * kRowStep;
      w_next[r] = inside && out < outs ? to_float(filters[static_cast<int64_t>(out) * depth + k]) : 0.0F;
    }
  };

  const int tx = thread % (kTile / kPerThread) * kPerThread, ty = thread / (kTile / kPerThread) * kPerThread;
  float sums[kPerThread][kPerThread] = {};
  bring(0);
  for (int begin = 0; begin < depth; begin += kDepth) {
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      xs[at][row + r * kRowStep] = x_next[r];
      ws[at][row + r * kRowStep] = w_next[r];
    }
    __syncthreads();
    if (begin + kDepth < depth) bring(begin + kDepth);  // on their way while the products are made
#pragma unroll
    for (int k = 0; k < kDepth; ++k) {
      const float4 a4 = *reinterpret_cast<const float4*>(&xs[k][ty]);
      const float4 b4 = *reinterpret_cast<const float4*>(&ws[k][tx]);
      const float a[kPerThread] = {a4.x, a4.y, a4.z, a4.w}, b[kPerThread] = {b4.x, b4.y, b4.z, b4.w};
#pragma unroll
      for (int m = 0; m < kPerThread; ++m)
#pragma unroll
        for (int n = 0; n < kPerThread; ++n) sums[m][n] = fmaf(a[m], b[n], sums[m][n]);
    }
    __syncthreads();
  }

#pragma unroll
  for (int m = 0; m < kPerThread; ++m) {
    const int64_t pixel = first_pixel + ty + m;
    if (pixel >= g.pixels) break;
    const int first = group * g.group_out + first_out + tx;
#pragma unroll
    for (int n = 0; n < kPerThread; ++n)
      if (bias != nullptr && tx + n < outs) sums[m][n] += bias[first + n];
    activate_values<T>(activation, sums[m]);
#pragma unroll
    for (int n = 0; n < kPerThread; ++n)
      if (tx + n < outs) y[pixel * g.out_channels + first + n] = from_float<T>(sums[m][n]);
  }
}
}  // namespace

void direct_conv(const ConvCall& call, Tensor& y) {
  const auto extent = [](const Tensor& t, int i) { return static_cast<int>(t.dim(i)); };
  const Geometry g = {.pixels = y.dim(0) * y.dim(1) * y.dim(2),
                      .height = extent(call.x, 1),
                      .width = extent(call.x, 2),
                      .channels = extent(call.x, 3),
                      .out_height = extent(y, 1),
                      .out_width = extent(y, 2),
                      .out_channels = extent(y, 3),
                      .group_in = static_cast<int>(call.x.dim(3) / call.groups),
                      .group_out = static_cast<int>(y.dim(3) / call.groups),
                      .kernel = static_cast<int>(call.kernel),
                      .stride = static_cast<int>(call.stride),
                      .padding = static_cast<int>(call.padding)};
  if (y.numel() == 0) return;
  const dim3 grid(static_cast<unsigned>(ceil_div(g.pixels, kTile)), static_cast<unsigned>(ceil_div(g.group_out, kTile)),
                  static_cast<unsigned>(call.groups));
  dispatch_floating(y.dtype(), [&]<typename T>() {
    direct_conv_kernel<T><<<grid, kThreads, 0, stream()>>>(values<T>(call.x), values<T>(call.weight),
                                                           values<float>(call.bias), static_cast<T*>(y.raw_mut()), g,
                                                           call.activation);
  });
  check_launch("direct_conv");
}

}  // namespace swan::backends::cuda

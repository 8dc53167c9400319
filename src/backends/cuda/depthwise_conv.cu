#include <algorithm>
#include <memory>

#include "cuda/dispatch.cuh"
#include "cuda/entries.h"
#include "cuda/runtime.h"

namespace swan::backends::cuda {

namespace {
// [2C, taps] to [taps, 2C] in f32, so that neighbouring channels have their weights side by side.
struct PackedDepthwiseGlu final : ops::Prepacked {
  explicit PackedDepthwiseGlu(const ops::ConvWeight& w) {
    const int64_t channels = w.out_channels(), taps = w.kernel() * w.kernel();
    const Tensor plain = w.weight.on(nullptr, DType::kF32);
    Tensor turned = Tensor::empty({taps, channels}, DType::kF32);
    const auto* from = plain.data<float>();
    auto* to = turned.data_mut<float>();
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t t = 0; t < taps; ++t) to[t * channels + c] = from[c * taps + t];
    weights = on_device(turned);
    if (w.bias.defined()) bias = on_device(w.bias, DType::kF32);
    w.weight.drop_pages();
  }
  Tensor weights, bias;
};

const PackedDepthwiseGlu& packed(const ops::ConvWeight& w) {
  const auto* found = dynamic_cast<const PackedDepthwiseGlu*>(w.prepacked.get());
  if (found == nullptr || found->weights.device() != &current()) {
    auto made = std::make_shared<PackedDepthwiseGlu>(w);
    found = made.get();
    w.prepacked = std::move(made);
  }
  return *found;
}

// value * silu(gate); for 16 bits with functions whose error is far below the rounding that follows.
template <typename T>
__device__ __forceinline__ float glu(float value, float gate) {
  if constexpr (std::is_same_v<T, float>) return value * (gate / (1.0F + expf(-gate)));
  return value * gate * __fdividef(1.0F, 1.0F + __expf(-gate));
}

constexpr int kVector = 4;   // channels of a thread, in each half
constexpr int kLanes = 16;   // threads side by side in channels: whole lines of 128 bytes in 16 bits
constexpr int kColumns = 8;  // and in columns of pixels
constexpr int kTaps = 3;

template <typename T>
struct alignas(sizeof(T) * kVector) Quad {
  T values[kVector];
};

// What a thread reads of one row: its pixel and both neighbours, in both halves of the channels.
template <typename T>
struct Pixels {
  Quad<T> values[2][kTaps];
};

struct Picture {
  int height, width;
  int half;   // channels of y; x has twice as many
  int strip;  // rows of a thread
  int strips, column_blocks, channel_blocks;
};

// 3 x 3. A thread goes down a strip of rows of one column: each row read adds to the outputs of the row above, its own
// and the one below, whose sums are kept, so that three neighbouring pixels are all it reads for an output; those of
// the columns beside come from the first-level cache. Weights stay in registers: 9 taps x 8 channels.
template <typename T>
__global__ void __launch_bounds__(kLanes* kColumns, 3)
    depthwise_3x3(const T* __restrict__ x, const float* __restrict__ weights, const float* __restrict__ bias,
                  T* __restrict__ y, const Picture p) {
  int64_t rest = blockIdx.x;
  const int channel = (static_cast<int>(rest % p.channel_blocks) * kLanes + threadIdx.x) * kVector;
  rest /= p.channel_blocks;
  const int column = static_cast<int>(rest % p.column_blocks) * kColumns + threadIdx.y;
  rest /= p.column_blocks;
  const int first = static_cast<int>(rest % p.strips) * p.strip, last = min(first + p.strip, p.height);
  const int64_t sample = rest / p.strips;
  if (channel >= p.half || column >= p.width) return;

  float w[kTaps][kTaps][2][kVector];
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int at = h * p.half + channel;
#pragma unroll
    for (int tap = 0; tap < kTaps * kTaps; ++tap) {
      const float4 four = __ldg(reinterpret_cast<const float4*>(weights + tap * 2 * p.half + at));
      float(&to)[kVector] = w[tap / kTaps][tap % kTaps][h];
      to[0] = four.x, to[1] = four.y, to[2] = four.z, to[3] = four.w;
    }
  }

  const int64_t pixel = 2 * static_cast<int64_t>(p.half);  // elements of x
  const T* from = x + (sample * p.height * p.width + column) * pixel + channel;
  T* to = y + (sample * p.height * p.width + column) * p.half + channel;
  const auto read = [&](int row) {
    Pixels<T> pixels = {};  // zeros beyond the picture
    if (row < 0 || row >= p.height || row > last) return pixels;
    const T* at = from + row * (p.width * pixel);
#pragma unroll
    for (int j = 0; j < kTaps; ++j) {
      if (column + j - 1 < 0 || column + j - 1 >= p.width) continue;
#pragma unroll
      for (int h = 0; h < 2; ++h)
        pixels.values[h][j] = *reinterpret_cast<const Quad<T>*>(at + (j - 1) * pixel + h * p.half);
    }
    return pixels;
  };

  // Sums of three output rows, whose roles turn with the row that is read: three rows at a time, so that the compiler
  // sees which is which.
  float sums[kTaps][2][kVector] = {};
  Pixels<T> next = read(first - 1);
  for (int base = first - 1; base <= last; base += kTaps) {
#pragma unroll
    for (int turn = 0; turn < kTaps; ++turn) {
      const int row = base + turn;
      if (row > last) break;
      const Pixels<T> pixels = next;
      next = read(row + 1);  // while this row is computed
      // Output row o = row + 1 - i has this row under its tap i; it lives in sums[(o - first + 3) % 3].
#pragma unroll
      for (int i = 0; i < kTaps; ++i) {
        const int slot = (turn + 3 - i) % kTaps;  // o - first = turn - i, modulo 3
#pragma unroll
        for (int j = 0; j < kTaps; ++j)
#pragma unroll
          for (int h = 0; h < 2; ++h)
#pragma unroll
            for (int c = 0; c < kVector; ++c)
              sums[slot][h][c] += w[i][j][h][c] * to_float(pixels.values[h][j].values[c]);
      }
      const int done = row - 1;  // all three rows under it have been read
      float(&sum)[2][kVector] = sums[(turn + 1) % kTaps];
      if (done >= first) {
        if (bias != nullptr) {  // read again each time: 8 registers are worth more than a cached access
#pragma unroll
          for (int h = 0; h < 2; ++h) {
            const float4 four = __ldg(reinterpret_cast<const float4*>(bias + h * p.half + channel));
            sum[h][0] += four.x, sum[h][1] += four.y, sum[h][2] += four.z, sum[h][3] += four.w;
          }
        }
        Quad<T> out;
#pragma unroll
        for (int c = 0; c < kVector; ++c) out.values[c] = from_float<T>(glu<T>(sum[0][c], sum[1][c]));
        *reinterpret_cast<Quad<T>*>(to + static_cast<int64_t>(done) * p.width * p.half) = out;
      }
#pragma unroll
      for (int h = 0; h < 2; ++h)
#pragma unroll
        for (int c = 0; c < kVector; ++c) sum[h][c] = 0;
    }
  }
}

// Any odd kernel and any number of channels: a value of y a thread.
template <typename T>
__global__ void depthwise_any(const T* __restrict__ x, const float* __restrict__ weights,
                              const float* __restrict__ bias, T* __restrict__ y, int64_t count, int height, int width,
                              int half, int kernel) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (index >= count) return;
  const int channel = static_cast<int>(index % half), column = static_cast<int>(index / half % width);
  const int row = static_cast<int>(index / half / width % height);
  const int64_t sample = index / half / width / height;
  float value = bias == nullptr ? 0.0F : bias[channel], gate = bias == nullptr ? 0.0F : bias[half + channel];
  for (int i = 0; i < kernel; ++i) {
    const int from_row = row + i - kernel / 2;
    if (from_row < 0 || from_row >= height) continue;
    for (int j = 0; j < kernel; ++j) {
      const int from_column = column + j - kernel / 2;
      if (from_column < 0 || from_column >= width) continue;
      const T* at = x + ((sample * height + from_row) * width + from_column) * 2 * half + channel;
      const float* w = weights + static_cast<int64_t>(i * kernel + j) * 2 * half + channel;
      value += w[0] * to_float(at[0]);
      gate += w[half] * to_float(at[half]);
    }
  }
  y[index] = from_float<T>(glu<T>(value, gate));
}

int divided_up(int64_t a, int64_t b) { return static_cast<int>((a + b - 1) / b); }

template <typename T>
void launch(const Tensor& x, const PackedDepthwiseGlu& w, int64_t kernel, Tensor& y) {
  const auto* px = static_cast<const T*>(x.raw());
  const auto* weights = static_cast<const float*>(w.weights.raw());
  const auto* bias = static_cast<const float*>(w.bias.raw());
  auto* py = static_cast<T*>(y.raw_mut());
  const int64_t batch = x.dim(0), half = y.dim(3);
  const int height = static_cast<int>(x.dim(1)), width = static_cast<int>(x.dim(2));
  const auto aligned = [](const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; };
  if (kernel == kTaps && half % kVector == 0 && aligned(px) && aligned(py) && aligned(bias)) {
    Picture p = {.height = height,
                 .width = width,
                 .half = static_cast<int>(half),
                 .strip = 32,
                 .column_blocks = divided_up(width, kColumns),
                 .channel_blocks = divided_up(half, kLanes * kVector)};
    // Long strips read fewer rows twice; short ones keep every multiprocessor busy to the end.
    const int64_t wanted = int64_t{32} * current().multiprocessors();
    const auto blocks = [&] {
      p.strips = divided_up(height, p.strip);
      return batch * p.strips * p.column_blocks * p.channel_blocks;
    };
    while (blocks() < wanted && p.strip > 8) p.strip /= 2;
    depthwise_3x3<T>
        <<<static_cast<unsigned>(blocks()), dim3(kLanes, kColumns), 0, stream()>>>(px, weights, bias, py, p);
  } else {
    constexpr int kThreads = 256;
    depthwise_any<T><<<static_cast<unsigned>((y.numel() + kThreads - 1) / kThreads), kThreads, 0, stream()>>>(
        px, weights, bias, py, y.numel(), height, width, static_cast<int>(half), static_cast<int>(kernel));
  }
  check_launch("depthwise_conv_glu");
}
}  // namespace

Tensor depthwise_conv_glu(const Tensor& given, const ops::ConvWeight& w) {
  const Tensor x = on_device(given);
  const PackedDepthwiseGlu& kept = packed(w);
  Tensor y = empty({x.dim(0), x.dim(1), x.dim(2), x.dim(3) / 2}, x.dtype());
  if (y.numel() == 0) return y;
  dispatch_floating(x.dtype(), [&]<typename T>() { launch<T>(x, kept, w.kernel(), y); });
  return y;
}

}  // namespace swan::backends::cuda

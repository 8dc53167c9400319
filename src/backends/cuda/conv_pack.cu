#include <algorithm>

#include "cuda/conv_kernels.h"
#include "cuda/launch.cuh"

namespace swan::backends::cuda {

namespace {
constexpr int kThreads = 256;

struct WeightLayout {
  int64_t out_channels, channels, frames, taps;  // of the weights as they are
  int64_t in;                                    // channels as packed
  uint32_t chosen;                               // frames that are taken, by bits
};

template <typename From, typename To>
__global__ void __launch_bounds__(kThreads)
    pack_weights_kernel(const From* __restrict__ from, To* __restrict__ to, const WeightLayout l, int64_t count) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= count) return;
  const int64_t in = i % l.in, tap = i / l.in % l.taps, out = i / (l.in * l.taps);
  const int64_t part = in / l.channels, channel = in % l.channels;
  float value = 0;
  if (out < l.out_channels && part < __popc(l.chosen)) {
    uint32_t rest = l.chosen;
    for (int64_t skipped = 0; skipped < part; ++skipped) rest &= rest - 1;  // without its lowest bit
    const int64_t frame = __ffs(static_cast<int>(rest)) - 1;
    value = to_float(from[((out * l.channels + channel) * l.frames + frame) * l.taps + tap]);
  }
  to[i] = from_float<To>(value);
}

// In a doubled picture a 3x3 kernel stands over 2x2 pixels: its rows 0 and 1, 2 for outputs in even rows (odd: 0), and
// rows 0, 1 and 2 for those in odd rows (odd: 1); the columns alike.
__device__ __forceinline__ int first_tap(int tap, int odd) { return tap == 0 ? 0 : 1 + odd; }
__device__ __forceinline__ int end_tap(int tap, int odd) { return tap == 0 ? 1 + odd : 3; }

template <typename From, typename To>
__global__ void __launch_bounds__(kThreads)
    pack_phase_kernel(const From* __restrict__ from, To* __restrict__ to, int64_t channels, int phase, int64_t count) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (index >= count) return;
  const int64_t channel = index % channels, out = index / (4 * channels);
  const int tap = static_cast<int>(index / channels % 4), row = tap / 2, column = tap % 2;
  const From* filter = from + (out * channels + channel) * 9;
  float sum = 0;
  for (int i = first_tap(row, phase / 2); i < end_tap(row, phase / 2); ++i)
    for (int j = first_tap(column, phase % 2); j < end_tap(column, phase % 2); ++j) sum += to_float(filter[3 * i + j]);
  to[index] = from_float<To>(sum);
}

template <typename From>
__global__ void __launch_bounds__(kThreads)
    pack_depthwise_kernel(const From* __restrict__ from, float* __restrict__ to, int64_t channels, int64_t taps) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= channels * taps) return;
  to[i] = to_float(from[i % channels * taps + i / channels]);
}

// Weights as they are, but in a dtype that kernels can read.
Tensor readable(const Tensor& weight) {
  const bool floating =
      weight.dtype() == DType::kF32 || weight.dtype() == DType::kF16 || weight.dtype() == DType::kBF16;
  return on_device(weight, floating ? weight.dtype() : DType::kF32);
}

constexpr int kParts = 4;
struct Parts {
  const void* at[kParts];
  int count;
};

// Rows of `parts`, [rows, channels] each, into columns [offset, offset + span) of rows of `pitch`; after the last part,
// zeros. A Unit is one value, or 16 bytes of them, and all counts are in Units.
template <typename Unit>
__global__ void __launch_bounds__(kThreads)
    join_channels_kernel(const Parts parts, Unit* __restrict__ to, int channels, int pitch, int offset,
                         const Divisor span, int64_t count) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= count) return;
  const auto [row, column] = span.divide(i);
  Unit value{};
  int64_t at = column;
#pragma unroll
  for (int part = 0; part < kParts; ++part) {
    if (part < parts.count && at >= 0 && at < channels)
      value = __ldg(static_cast<const Unit*>(parts.at[part]) + row * channels + at);
    at -= channels;
  }
  to[row * pitch + offset + column] = value;
}

template <typename Unit>
void join(std::span<const Tensor> parts, Tensor& y) {
  const auto per_unit = static_cast<int64_t>(sizeof(Unit) / size_of(y.dtype()));
  const int64_t channels = parts[0].dim(-1) / per_unit, pitch = y.dim(-1) / per_unit, rows = y.numel() / y.dim(-1);
  const auto total = static_cast<int64_t>(parts.size());
  for (int64_t first = 0; first < total; first += kParts) {
    const int64_t count = std::min<int64_t>(kParts, total - first), offset = first * channels;
    const bool last = first + count == total;
    const int64_t span = last ? pitch - offset : count * channels;
    Parts some{};
    some.count = static_cast<int>(count);
    for (int64_t p = 0; p < count; ++p) some.at[p] = parts[static_cast<size_t>(first + p)].raw();
    launch("join_channels", join_channels_kernel<Unit>, ceil_div(rows * span, kThreads), kThreads, some,
           static_cast<Unit*>(y.raw_mut()), static_cast<int>(channels), static_cast<int>(pitch),
           static_cast<int>(offset), Divisor(span), rows * span);
  }
}

// All counts are in Units, 16 bytes of values or one.
template <typename Unit>
__global__ void __launch_bounds__(kThreads)
    join_phases_kernel(const Unit* __restrict__ quarters, Unit* __restrict__ to, const Divisor channels,
                       const Divisor width, const Divisor height, int in_channels, int in_width, int in_height,
                       int64_t quarter, int64_t count) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= count) return;
  const auto [pixel, channel] = channels.divide(i);
  const auto [line, x] = width.divide(pixel);
  const auto [picture, y] = height.divide(line);
  const int64_t source = ((picture * in_height + y / 2) * in_width + x / 2) * in_channels + channel;
  to[i] = __ldg(quarters + (y % 2 * 2 + x % 2) * quarter + source);
}
}  // namespace

Tensor join_phases(const Tensor& quarters) {
  const int64_t batch = quarters.dim(1), height = quarters.dim(2), width = quarters.dim(3), channels = quarters.dim(4);
  Tensor y = empty({batch, 2 * height, 2 * width, channels}, quarters.dtype());
  if (y.numel() == 0) return y;
  const auto joined = [&]<typename Unit>(Unit) {
    const int64_t units = channels * static_cast<int64_t>(size_of(y.dtype())) / static_cast<int64_t>(sizeof(Unit));
    const int64_t count = y.numel() / channels * units;
    launch("join_phases", join_phases_kernel<Unit>, ceil_div(count, kThreads), kThreads,
           static_cast<const Unit*>(quarters.raw()), static_cast<Unit*>(y.raw_mut()), Divisor(units),
           Divisor(2 * width), Divisor(2 * height), static_cast<int>(units), static_cast<int>(width),
           static_cast<int>(height), count / 4, count);
  };
  const bool wide = channels * static_cast<int64_t>(size_of(y.dtype())) % 16 == 0 && aligned(quarters.raw());
  if (wide) {
    joined(uint4{});
  } else if (size_of(y.dtype()) == 2) {
    joined(static_cast<unsigned short>(0));
  } else {
    joined(0U);
  }
  return y;
}

Tensor pack_weights(const Tensor& weight, uint32_t frames, int64_t out, int64_t in, DType dtype) {
  const Tensor from = readable(weight);
  const int64_t kernel = weight.dim(-1);
  Tensor to = empty({out, kernel, kernel, in}, dtype);
  const WeightLayout layout = {.out_channels = weight.dim(0),
                               .channels = weight.dim(1),
                               .frames = weight.rank() == 5 ? weight.dim(2) : 1,
                               .taps = kernel * kernel,
                               .in = in,
                               .chosen = frames};
  dispatch_floating(from.dtype(), [&]<typename From>() {
    dispatch_floating(dtype, [&]<typename To>() {
      launch("pack_weights", pack_weights_kernel<From, To>, ceil_div(to.numel(), kThreads), kThreads,
             values<From>(from), static_cast<To*>(to.raw_mut()), layout, to.numel());
    });
  });
  return to;
}

Tensor pack_phase_weights(const Tensor& weight, int phase, DType dtype) {
  const Tensor from = readable(weight);
  const int64_t channels = weight.dim(1);
  Tensor to = empty({weight.dim(0), 2, 2, channels}, dtype);
  dispatch_floating(from.dtype(), [&]<typename From>() {
    dispatch_floating(dtype, [&]<typename To>() {
      launch("pack_phase_weights", pack_phase_kernel<From, To>, ceil_div(to.numel(), kThreads), kThreads,
             values<From>(from), static_cast<To*>(to.raw_mut()), channels, phase, to.numel());
    });
  });
  return to;
}

Tensor pack_depthwise_weights(const Tensor& weight) {
  const Tensor from = readable(weight);
  const int64_t kernel = weight.dim(-1), channels = weight.dim(0);
  Tensor to = empty({kernel, kernel, channels}, DType::kF32);
  dispatch_floating(from.dtype(), [&]<typename From>() {
    launch("pack_depthwise_weights", pack_depthwise_kernel<From>, ceil_div(to.numel(), kThreads), kThreads,
           values<From>(from), static_cast<float*>(to.raw_mut()), channels, kernel * kernel);
  });
  return to;
}

Tensor join_channels(std::span<const Tensor> parts, int64_t channels) {
  const Tensor& like = parts[0];
  const auto dims = like.shape().dims();
  std::array<int64_t, Shape::kMaxRank> out_dims{};
  std::copy(dims.begin(), dims.end(), out_dims.begin());
  out_dims[dims.size() - 1] = channels;
  Tensor y = empty(Shape(std::span<const int64_t>(out_dims.data(), dims.size())), like.dtype());
  if (y.numel() == 0) return y;
  const auto per_vector = static_cast<int64_t>(16 / size_of(like.dtype()));
  bool wide = like.dim(-1) % per_vector == 0 && channels % per_vector == 0;
  for (const Tensor& part : parts) wide = wide && aligned(part.raw());
  if (wide) {
    join<uint4>(parts, y);
  } else if (size_of(like.dtype()) == 2) {
    join<unsigned short>(parts, y);
  } else {
    join<unsigned>(parts, y);
  }
  return y;
}

}  // namespace swan::backends::cuda

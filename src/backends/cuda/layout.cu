#include <algorithm>
#include <vector>

#include "cuda/entries.h"
#include "cuda/units.cuh"

namespace swan::backends::cuda {

namespace {

// ---- Transposition: [B, rows, columns] to [B, columns, rows]

constexpr int kTile = 32, kThreads = 256;

// Through a tile in shared memory, so that both sides are read and written along their rows.
template <typename Unit>
__global__ void __launch_bounds__(kThreads)
    transpose_kernel(const Unit* __restrict__ x, Unit* __restrict__ y, int64_t rows, int64_t columns,
                     const Divisor row_tiles, const Divisor column_tiles) {
  __shared__ Unit tile[kTile][kTile + 1];  // one more: a column's values lie in different banks
  const auto upper = column_tiles.divide(blockIdx.x);
  const auto [batch, row_tile] = row_tiles.divide(upper.quotient);
  const int64_t first_row = row_tile * kTile, first_column = upper.remainder * kTile, offset = batch * rows * columns;
  const int lane = static_cast<int>(threadIdx.x) % kTile, warp = static_cast<int>(threadIdx.x) / kTile;
#pragma unroll
  for (int i = warp; i < kTile; i += kThreads / kTile)
    if (first_row + i < rows && first_column + lane < columns)
      tile[i][lane] = x[offset + (first_row + i) * columns + first_column + lane];
  __syncthreads();
#pragma unroll
  for (int i = warp; i < kTile; i += kThreads / kTile)
    if (first_column + i < columns && first_row + lane < rows)
      y[offset + (first_column + i) * rows + first_row + lane] = tile[lane][i];
}

// With few rows (kFewRows) or few columns, as the channels of pictures are, tiles would be mostly empty: each thread
// takes a position along the longer side, of `length`, and goes through the shorter one.
template <typename Unit, bool kFewRows>
__global__ void __launch_bounds__(kThreads)
    transpose_few_kernel(const Unit* __restrict__ x, Unit* __restrict__ y, int few, int64_t length,
                         const Divisor by_length, int64_t positions) {
  const int64_t position = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (position >= positions) return;
  const auto [batch, at] = by_length.divide(position);
  const int64_t together = position * few, apart = batch * few * length + at;
  for (int j = 0; j < few; ++j) {
    if constexpr (kFewRows) {
      y[together + j] = x[apart + j * length];
    } else {
      y[apart + j * length] = x[together + j];
    }
  }
}

// The matrices [rows, columns] of x, turned, as a tensor of that shape; x's own bytes where turning changes nothing.
Tensor transpose(const Tensor& given, const Shape& shape, int64_t rows, int64_t columns) {
  const Tensor x = on_device(given);
  if (rows == 1 || columns == 1) return x.reshape(shape);
  Tensor y = empty(shape, x.dtype());
  const int64_t batch = shape[0];
  constexpr int64_t kFew = 8;
  dispatch_value(x.dtype(), [&]<typename Unit>() {
    const auto* from = values<Unit>(x);
    auto* to = static_cast<Unit*>(y.raw_mut());
    const int64_t few = std::min(rows, columns), length = std::max(rows, columns), positions = batch * length;
    if (x.numel() == 0) return;
    if (few <= kFew) {
      launch("transpose_few", rows < columns ? transpose_few_kernel<Unit, true> : transpose_few_kernel<Unit, false>,
             ceil_div(positions, kThreads), kThreads, from, to, static_cast<int>(few), length, Divisor(length),
             positions);
      return;
    }
    const int64_t row_tiles = ceil_div(rows, kTile), column_tiles = ceil_div(columns, kTile);
    launch("transpose", transpose_kernel<Unit>, batch * row_tiles * column_tiles, kThreads, from, to, rows, columns,
           Divisor(row_tiles), Divisor(column_tiles));
  });
  return y;
}

// ---- Channels

template <typename Unit, int N>
struct RepeatChannels {
  const Unit* x;
  Divisor repeats;
  int r;

  __device__ __forceinline__ Pack<Unit, N> operator()(int64_t i) const {
    auto [from, used] = repeats.divide(i * N);
    Pack<Unit, N> pack;
#pragma unroll
    for (int k = 0; k < N; ++k) {
      pack.values[k] = x[from];
      if (++used == r) {
        used = 0;
        ++from;
      }
    }
    return pack;
  }
};

// N channels of one pixel; the shortcut's are kShare times as many, and each pixel of four takes every kShare-th.
template <typename T, int N, int kShare>
struct AddUpsampled {
  const T* x;
  const T* shortcut;
  Divisor vectors, width, height;  // vectors of a pixel, and x's columns and rows
  int64_t channels;

  __device__ __forceinline__ void operator()(int64_t i, float (&y)[N]) const {
    const auto [pixel, vector] = vectors.divide(i);
    const auto [line, column] = width.divide(pixel);
    const auto [batch, row] = height.divide(line);
    const int64_t from = (batch * (height.divisor() / 2) + row / 2) * (width.divisor() / 2) + column / 2;
    const T* others = shortcut + (from * channels + vector * N) * kShare;
    const int first = static_cast<int>(row % 2 * 2 + column % 2) * kShare / 4;
    load<N>(x + i * N, y);
    if constexpr (N == 1) {  // of channels that lie anywhere
      y[0] += to_float(others[first]);
    } else {
      float other[N * kShare];
      load<N * kShare>(others, other);
#pragma unroll
      for (int k = 0; k < N; ++k) {
        float value = other[k * kShare];
#pragma unroll
        for (int s = 1; s < kShare; ++s)  // no index that is not known when compiling: the values stay in registers
          if (s == first) value = other[k * kShare + s];
        y[k] += value;
      }
    }
  }
};

template <typename T>
struct MeanChannelGroups {
  const T* x;
  int group;

  __device__ __forceinline__ void operator()(int64_t i, float (&y)[1]) const {
    float sum = 0;
    for (int j = 0; j < group; ++j) sum += to_float(x[i * group + j]);
    y[0] = sum / static_cast<float>(group);
  }
};

template <typename Unit>
struct ConcatChannels {
  const Unit* a;
  const Unit* b;
  Divisor both;  // units a row
  int64_t first, second;

  __device__ __forceinline__ Unit operator()(int64_t i) const {
    const auto [row, unit] = both.divide(i);
    return unit < first ? a[row * first + unit] : b[row * second + unit - first];
  }
};

template <typename Unit>
struct SliceChannels {
  const Unit* x;
  Divisor units;
  int64_t row_units, begin;

  __device__ __forceinline__ Unit operator()(int64_t i) const {
    const auto [row, unit] = units.divide(i);
    return x[row * row_units + begin + unit];
  }
};

}  // namespace

Tensor nchw_to_nhwc(const Tensor& x) {
  return transpose(x, {x.dim(0), x.dim(2), x.dim(3), x.dim(1)}, x.dim(1), x.dim(2) * x.dim(3));
}

Tensor nhwc_to_nchw(const Tensor& x) {
  return transpose(x, {x.dim(0), x.dim(3), x.dim(1), x.dim(2)}, x.dim(1) * x.dim(2), x.dim(3));
}

Tensor repeat_channels(const Tensor& x, int64_t repeats) {
  const Tensor source = on_device(x);
  if (repeats == 1) return source;
  Tensor y = empty(with_channels(x, x.dim(-1) * repeats), x.dtype());
  // Repeating the channels of every row is repeating every value.
  dispatch_value(x.dtype(), [&]<typename Unit>() {
    dispatch_width<Unit>(y.numel() % kWidth<Unit> == 0, [&]<int N>() {
      gather<Pack<Unit, N>>("repeat_channels", y,
                            RepeatChannels<Unit, N>{values<Unit>(source), Divisor(repeats), static_cast<int>(repeats)});
    });
  });
  return y;
}

Tensor add_upsampled(const Tensor& x, const Tensor& shortcut) {
  const Tensor source = on_device(x), other = on_device(shortcut, x.dtype());
  Tensor y = empty(source.shape(), source.dtype());
  if (y.numel() == 0) return y;
  const int64_t channels = x.dim(3), share = other.dim(3) / channels;
  dispatch_floating(y.dtype(), [&]<typename T>() {
    dispatch_width<T>(channels % kWidth<T> == 0 && aligned(source.raw(), other.raw()), [&]<int N>() {
      const auto add = [&]<int kShare>() {
        map<T, N>("add_upsampled", y,
                  AddUpsampled<T, N, kShare>{values<T>(source), values<T>(other), Divisor(channels / N),
                                             Divisor(x.dim(2)), Divisor(x.dim(1)), channels});
      };
      if (share == 4) {
        add.template operator()<4>();
      } else if (share == 2) {
        add.template operator()<2>();
      } else {
        add.template operator()<1>();
      }
    });
  });
  return y;
}

Tensor mean_channel_groups(const Tensor& x, int64_t group) {
  const Tensor source = on_device(x);
  if (group == 1) return source;
  Tensor y = empty(with_channels(x, x.dim(-1) / group), x.dtype());
  dispatch_floating(x.dtype(), [&]<typename T>() {
    map<T, 1>("mean_channel_groups", y, MeanChannelGroups<T>{values<T>(source), static_cast<int>(group)});
  });
  return y;
}

Tensor concat_channels(const Tensor& a, const Tensor& b) {
  const Tensor left = on_device(a), right = on_device(b, a.dtype());
  Tensor y = empty(with_channels(a, a.dim(-1) + b.dim(-1)), a.dtype());
  if (y.numel() == 0) return y;
  const uintptr_t first = bytes(a, a.dim(-1)), second = bytes(a, b.dim(-1));
  dispatch_unit(first | second | address(left) | address(right), [&]<typename Unit>() {
    gather<Unit>(
        "concat_channels", y,
        ConcatChannels<Unit>{values<Unit>(left), values<Unit>(right),
                             Divisor(static_cast<int64_t>((first + second) / sizeof(Unit))),
                             static_cast<int64_t>(first / sizeof(Unit)), static_cast<int64_t>(second / sizeof(Unit))});
  });
  return y;
}

Tensor concat_rows(std::span<const Tensor> parts) {
  const DType dtype = parts[0].dtype();
  std::vector<int64_t> dims(parts[0].shape().dims().begin(), parts[0].shape().dims().end());
  dims[0] = 0;
  for (const Tensor& part : parts) dims[0] += part.dim(0);
  Tensor y = empty(Shape(dims), dtype);
  auto* to = static_cast<char*>(y.raw_mut());
  for (const Tensor& part : parts) {
    if (part.numel() == 0) continue;
    const Tensor source = on_device(part, dtype);
    check(cudaMemcpyAsync(to, source.raw(), source.nbytes(), cudaMemcpyDeviceToDevice, stream()), "cudaMemcpyAsync");
    to += source.nbytes();
  }
  return y;
}

Tensor slice_channels(const Tensor& x, int64_t begin, int64_t end) {
  const Tensor source = on_device(x);
  const Shape shape = with_channels(x, end - begin);
  // Of a single row the channels lie together: no copy, as for the modulation of one sample.
  if (x.numel() == x.dim(-1)) return source.reshape({x.dim(-1)}).slice(begin, end).reshape(shape);
  Tensor y = empty(shape, x.dtype());
  if (y.numel() == 0) return y;
  const uintptr_t offset = bytes(x, begin), row = bytes(x, x.dim(-1)), kept = bytes(x, end - begin);
  dispatch_unit(offset | row | kept | address(source), [&]<typename Unit>() {
    gather<Unit>(
        "slice_channels", y,
        SliceChannels<Unit>{values<Unit>(source), Divisor(static_cast<int64_t>(kept / sizeof(Unit))),
                            static_cast<int64_t>(row / sizeof(Unit)), static_cast<int64_t>(offset / sizeof(Unit))});
  });
  return y;
}

}  // namespace swan::backends::cuda

#include <algorithm>
#include <vector>

#include "cuda/entries.h"
#include "cuda/launch.cuh"

namespace swan::backends::cuda {

namespace {

// Most of these move values without looking at them, as units: of one value, or as wide as the pieces that stay
// together and their addresses allow.

// Calls fn.operator()<Unit>() with the widest unit that divides all that is or-ed together in `bits`: byte counts and
// addresses.
template <typename Fn>
void dispatch_unit(uintptr_t bits, const Fn& fn) {
  if (bits % 16 == 0) return fn.template operator()<uint4>();
  if (bits % 8 == 0) return fn.template operator()<uint2>();
  if (bits % 4 == 0) return fn.template operator()<uint32_t>();
  fn.template operator()<uint16_t>();
}
// Calls fn.operator()<Unit>() with a unit of one value.
template <typename Fn>
void dispatch_value(DType dtype, const Fn& fn) {
  if (size_of(dtype) == 4) return fn.template operator()<uint32_t>();
  fn.template operator()<uint16_t>();
}
uintptr_t address(const Tensor& t) { return reinterpret_cast<uintptr_t>(t.raw()); }
uintptr_t bytes(const Tensor& t, int64_t count) { return static_cast<uintptr_t>(count) * size_of(t.dtype()); }

// x's shape with another last dimension.
Shape with_channels(const Tensor& x, int64_t channels) {
  std::vector<int64_t> dims(x.shape().dims().begin(), x.shape().dims().end());
  dims.back() = channels;
  return Shape(dims);
}

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

void transpose(const Tensor& x, Tensor& y, int64_t batch, int64_t rows, int64_t columns) {
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
}

// ---- Pixels and channels

// Unit i of the picture with more pixels: channel c of pixel (line, column), where `line` counts through the batch.
template <typename Unit>
struct PixelShuffle {
  const Unit* x;
  Divisor channels, width, factor;
  int64_t f, small_width, c;

  __device__ __forceinline__ Unit operator()(int64_t i) const {
    const auto pixel = channels.divide(i), place = width.divide(pixel.quotient);
    const auto row = factor.divide(place.quotient), column = factor.divide(place.remainder);
    const int64_t channel = (pixel.remainder * f + row.remainder) * f + column.remainder;
    return x[(row.quotient * small_width + column.quotient) * (c * f * f) + channel];
  }
};

template <typename Unit>
struct PixelUnshuffle {
  const Unit* x;
  Divisor channels, width, factor;  // of the result
  int64_t f, large_width, c;

  __device__ __forceinline__ Unit operator()(int64_t i) const {
    const auto pixel = channels.divide(i), place = width.divide(pixel.quotient);
    const auto column = factor.divide(pixel.remainder), row = factor.divide(column.quotient);
    const int64_t line = place.quotient * f + row.remainder, at = place.remainder * f + column.remainder;
    return x[(line * large_width + at) * c + row.quotient];
  }
};

// Between [lines, width, 4 channels] and [2 lines, 2 width, channels]: 64 contiguous bytes on one side, 16 in each of
// four pixels on the other.
template <typename Unit, bool kShuffle>
__global__ void __launch_bounds__(kThreads)
    shuffle2_kernel(const Unit* __restrict__ x, Unit* __restrict__ y, int64_t width, int64_t channels,
                    const Divisor by_width, const Divisor groups, int64_t count) {
  constexpr int N = kWidth<Unit>;
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= count) return;
  const auto [pixel, group] = groups.divide(i);
  const auto [line, column] = by_width.divide(pixel);
  const int64_t together = pixel * 4 * channels + group * 4 * N;
  const auto apart = [&](int p) {
    return ((2 * line + p / 2) * 2 * width + 2 * column + p % 2) * channels + group * N;
  };
  Pack<Unit, N> in[4], out[4];
#pragma unroll
  for (int p = 0; p < 4; ++p) in[p] = load_pack<N>(x + (kShuffle ? together + p * N : apart(p)));
#pragma unroll
  for (int p = 0; p < 4; ++p) {
#pragma unroll
    for (int k = 0; k < N; ++k) {
      // Channel k of pixel p stands at 4 k + p among the 4 N.
      if constexpr (kShuffle) {
        out[p].values[k] = in[(4 * k + p) / N].values[(4 * k + p) % N];
      } else {
        out[(4 * k + p) / N].values[(4 * k + p) % N] = in[p].values[k];
      }
    }
  }
#pragma unroll
  for (int p = 0; p < 4; ++p) store_pack(y + (kShuffle ? apart(p) : together + p * N), out[p]);
}

// Whether shuffle2_kernel can; `small` has [B, H, W, 4 channels].
template <bool kShuffle>
bool shuffle2(const char* name, const Tensor& x, Tensor& y, int64_t factor) {
  const Tensor& small = kShuffle ? x : y;
  const int64_t channels = small.dim(3) / 4;
  const auto width = static_cast<int64_t>(16 / size_of(x.dtype()));
  if (factor != 2 || channels % width != 0 || !aligned(x.raw())) return false;
  const int64_t count = small.numel() / (4 * width);
  dispatch_value(x.dtype(), [&]<typename Unit>() {
    launch(name, shuffle2_kernel<Unit, kShuffle>, ceil_div(count, kThreads), kThreads, values<Unit>(x),
           static_cast<Unit*>(y.raw_mut()), small.dim(2), channels, Divisor(small.dim(2)), Divisor(channels / width),
           count);
  });
  return true;
}

template <typename Unit>
struct Upsample {
  const Unit* x;
  Divisor units, width, factor;  // units a pixel, pixels a line of the result
  int64_t small_width, pixel_units;

  __device__ __forceinline__ Unit operator()(int64_t i) const {
    const auto pixel = units.divide(i), place = width.divide(pixel.quotient);
    const int64_t line = factor.divide(place.quotient).quotient, column = factor.divide(place.remainder).quotient;
    return x[(line * small_width + column) * pixel_units + pixel.remainder];
  }
};

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

// ---- Channels side by side

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

// ---- Patches

// The tokens' side of a clip [B, C, T, H, W]: grid and patch in time, height and width. A picture has a single frame.
struct Patches {
  Divisor width, height, frames, channels;  // of the clip
  Divisor patch_width, patch_height, patch_frames;
  int64_t grid_frames, grid_height, grid_width, pt, ph, pw, c;

  Patches(int64_t channels_count, ops::Patch grid, ops::Patch patch)
      : width(grid.width * patch.width),
        height(grid.height * patch.height),
        frames(grid.frames * patch.frames),
        channels(channels_count),
        patch_width(patch.width),
        patch_height(patch.height),
        patch_frames(patch.frames),
        grid_frames(grid.frames),
        grid_height(grid.height),
        grid_width(grid.width),
        pt(patch.frames),
        ph(patch.height),
        pw(patch.width),
        c(channels_count) {}
};

// Value i of the clip, from tokens whose channels are ordered (time, row, column, channel).
template <typename Unit>
struct Unpatchify {
  const Unit* x;
  Patches p;

  __device__ __forceinline__ Unit operator()(int64_t i) const {
    const auto w = p.width.divide(i), h = p.height.divide(w.quotient), t = p.frames.divide(h.quotient);
    const auto [batch, channel] = p.channels.divide(t.quotient);
    const auto column = p.patch_width.divide(w.remainder), row = p.patch_height.divide(h.remainder),
               frame = p.patch_frames.divide(t.remainder);
    const int64_t token =
        ((batch * p.grid_frames + frame.quotient) * p.grid_height + row.quotient) * p.grid_width + column.quotient;
    const int64_t place = (frame.remainder * p.ph + row.remainder) * p.pw + column.remainder;
    return x[(token * p.pt * p.ph * p.pw + place) * p.c + channel];
  }
};

// Value i of the tokens, whose channels are ordered (channel, time, row, column), from the clip.
template <typename Unit>
struct Patchify {
  const Unit* x;
  Patches p;
  Divisor columns, rows, times;  // of the grid

  __device__ __forceinline__ Unit operator()(int64_t i) const {
    const auto k = p.patch_width.divide(i), j = p.patch_height.divide(k.quotient),
               t = p.patch_frames.divide(j.quotient);
    const auto [token, channel] = p.channels.divide(t.quotient);
    const auto column = columns.divide(token), row = rows.divide(column.quotient);
    const auto [batch, frame] = times.divide(row.quotient);
    const int64_t plane = (batch * p.c + channel) * p.grid_frames * p.pt + frame * p.pt + t.remainder;
    const int64_t line = plane * p.grid_height * p.ph + row.remainder * p.ph + j.remainder;
    return x[line * p.grid_width * p.pw + column.remainder * p.pw + k.remainder];
  }
};

// Zero-size pictures have divisors of 0; nothing is launched for them.
template <template <typename> typename Fn, typename... Arguments>
void gather_values(const char* name, const Tensor& x, Tensor& y, const Arguments&... arguments) {
  dispatch_value(x.dtype(), [&]<typename Unit>() { gather<Unit>(name, y, Fn<Unit>{values<Unit>(x), arguments...}); });
}

}  // namespace

Tensor nchw_to_nhwc(const Tensor& x) {
  const Tensor source = on_device(x);
  const Shape shape = {x.dim(0), x.dim(2), x.dim(3), x.dim(1)};
  const int64_t pixels = x.dim(2) * x.dim(3);
  if (x.dim(1) == 1 || pixels == 1) return source.reshape(shape);
  Tensor y = empty(shape, x.dtype());
  transpose(source, y, x.dim(0), x.dim(1), pixels);
  return y;
}

Tensor nhwc_to_nchw(const Tensor& x) {
  const Tensor source = on_device(x);
  const Shape shape = {x.dim(0), x.dim(3), x.dim(1), x.dim(2)};
  const int64_t pixels = x.dim(1) * x.dim(2);
  if (x.dim(3) == 1 || pixels == 1) return source.reshape(shape);
  Tensor y = empty(shape, x.dtype());
  transpose(source, y, x.dim(0), pixels, x.dim(3));
  return y;
}

Tensor pixel_shuffle(const Tensor& x, int64_t factor) {
  const Tensor source = on_device(x);
  const int64_t channels = x.dim(3) / (factor * factor);
  Tensor y = empty({x.dim(0), x.dim(1) * factor, x.dim(2) * factor, channels}, x.dtype());
  if (y.numel() == 0 || shuffle2<true>("pixel_shuffle", source, y, factor)) return y;
  gather_values<PixelShuffle>("pixel_shuffle", source, y, Divisor(channels), Divisor(y.dim(2)), Divisor(factor), factor,
                              x.dim(2), channels);
  return y;
}

Tensor pixel_unshuffle(const Tensor& x, int64_t factor) {
  const Tensor source = on_device(x);
  Tensor y = empty({x.dim(0), x.dim(1) / factor, x.dim(2) / factor, x.dim(3) * factor * factor}, x.dtype());
  if (y.numel() == 0 || shuffle2<false>("pixel_unshuffle", source, y, factor)) return y;
  gather_values<PixelUnshuffle>("pixel_unshuffle", source, y, Divisor(y.dim(3)), Divisor(y.dim(2)), Divisor(factor),
                                factor, x.dim(2), x.dim(3));
  return y;
}

Tensor upsample_nearest(const Tensor& x, int64_t factor) {
  const Tensor source = on_device(x);
  Tensor y = empty({x.dim(0), x.dim(1) * factor, x.dim(2) * factor, x.dim(3)}, x.dtype());
  if (y.numel() == 0) return y;
  const uintptr_t pixel = bytes(x, x.dim(3));
  dispatch_unit(pixel | address(source), [&]<typename Unit>() {
    const auto units = static_cast<int64_t>(pixel / sizeof(Unit));
    gather<Unit>(
        "upsample_nearest", y,
        Upsample<Unit>{values<Unit>(source), Divisor(units), Divisor(y.dim(2)), Divisor(factor), x.dim(2), units});
  });
  return y;
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

Tensor unpatchify(const Tensor& x, int64_t height, int64_t width, int64_t patch) {
  return unpatchify_video(x, {1, height, width}, {1, patch, patch})
      .reshape({x.dim(0), x.dim(2) / (patch * patch), height * patch, width * patch});
}

Tensor patchify_video(const Tensor& x, ops::Patch patch) {
  const Tensor source = on_device(x);
  const ops::Patch grid = {x.dim(2) / patch.frames, x.dim(3) / patch.height, x.dim(4) / patch.width};
  Tensor y =
      empty({x.dim(0), grid.frames * grid.height * grid.width, x.dim(1) * patch.frames * patch.height * patch.width},
            x.dtype());
  if (y.numel() == 0) return y;
  gather_values<Patchify>("patchify_video", source, y, Patches(x.dim(1), grid, patch), Divisor(grid.width),
                          Divisor(grid.height), Divisor(grid.frames));
  return y;
}

Tensor unpatchify_video(const Tensor& x, ops::Patch grid, ops::Patch patch) {
  const Tensor source = on_device(x);
  const int64_t channels = x.dim(2) / (patch.frames * patch.height * patch.width);
  Tensor y =
      empty({x.dim(0), channels, grid.frames * patch.frames, grid.height * patch.height, grid.width * patch.width},
            x.dtype());
  if (y.numel() == 0) return y;
  // With one frame and patches of one value the tokens are a picture, channels last.
  gather_values<Unpatchify>("unpatchify_video", source, y, Patches(channels, grid, patch));
  return y;
}

}  // namespace swan::backends::cuda

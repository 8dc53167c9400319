#include "cuda/entries.h"
#include "cuda/units.cuh"

namespace swan::backends::cuda {

namespace {

constexpr int kThreads = 256;

// ---- Pixels

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

}  // namespace

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
  gather_values<Unpatchify>("unpatchify_video", source, y, Patches(channels, grid, patch));
  return y;
}

}  // namespace swan::backends::cuda

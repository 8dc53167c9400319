#include "ops/layout.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/parallel.h"
#include "cpu/entries.h"

namespace swan::backends {

namespace {
constexpr int64_t kGrainRows = 64;

Shape with_last(const Tensor& x, int64_t channels) {
  std::vector<int64_t> dims(x.shape().dims().begin(), x.shape().dims().end());
  dims.back() = channels;
  return Shape(std::span<const int64_t>(dims));
}

void copy(const float* from, float* to, int64_t n) { std::memcpy(to, from, static_cast<size_t>(n) * sizeof(float)); }

// [B, rows, columns] to [B, columns, rows], in squares that fit the first-level cache.
Tensor transpose(const Tensor& x, int64_t batch, int64_t rows, int64_t columns, const Shape& shape) {
  constexpr int64_t kSquare = 32;
  Tensor out = Tensor::empty(shape, DType::kF32);
  const auto* px = x.data<float>();
  auto* py = out.data_mut<float>();
  const int64_t strips = (rows + kSquare - 1) / kSquare;
  parallel_for(batch * strips, [&](int64_t task) {
    const float* from = px + task / strips * rows * columns;
    float* to = py + task / strips * rows * columns;
    const int64_t r0 = task % strips * kSquare, r1 = std::min(rows, r0 + kSquare);
    for (int64_t c0 = 0; c0 < columns; c0 += kSquare)
      for (int64_t c = c0; c < std::min(columns, c0 + kSquare); ++c)
        for (int64_t r = r0; r < r1; ++r) to[c * rows + r] = from[r * columns + c];
  });
  return out;
}
}  // namespace

Tensor nchw_to_nhwc(const Tensor& x) {
  return transpose(x, x.dim(0), x.dim(1), x.dim(2) * x.dim(3), {x.dim(0), x.dim(2), x.dim(3), x.dim(1)});
}

Tensor nhwc_to_nchw(const Tensor& x) {
  return transpose(x, x.dim(0), x.dim(1) * x.dim(2), x.dim(3), {x.dim(0), x.dim(3), x.dim(1), x.dim(2)});
}

Tensor pixel_shuffle(const Tensor& x, int64_t f) {
  const int64_t height = x.dim(1), width = x.dim(2), channels = x.dim(3) / (f * f);
  Tensor out = Tensor::empty({x.dim(0), height * f, width * f, channels}, DType::kF32);
  const auto* px = x.data<float>();
  auto* py = out.data_mut<float>();
  parallel_for(x.dim(0) * height, [&](int64_t row) {
    for (int64_t i = 0; i < f; ++i) {
      float* y = py + (row * f + i) * width * f * channels;
      for (int64_t w = 0; w < width; ++w) {
        const float* from = px + (row * width + w) * channels * f * f + i * f;
        for (int64_t j = 0; j < f; ++j)
          for (int64_t c = 0; c < channels; ++c) *y++ = from[c * f * f + j];
      }
    }
  });
  return out;
}

Tensor pixel_unshuffle(const Tensor& x, int64_t f) {
  const int64_t height = x.dim(1) / f, width = x.dim(2) / f, channels = x.dim(3);
  Tensor out = Tensor::empty({x.dim(0), height, width, channels * f * f}, DType::kF32);
  const auto* px = x.data<float>();
  auto* py = out.data_mut<float>();
  parallel_for(x.dim(0) * height, [&](int64_t row) {
    for (int64_t i = 0; i < f; ++i) {
      const float* from = px + (row * f + i) * width * f * channels;
      for (int64_t w = 0; w < width; ++w) {
        float* y = py + (row * width + w) * channels * f * f + i * f;
        for (int64_t j = 0; j < f; ++j)
          for (int64_t c = 0; c < channels; ++c) y[c * f * f + j] = *from++;
      }
    }
  });
  return out;
}

Tensor upsample_nearest(const Tensor& x, int64_t f) {
  const int64_t width = x.dim(2), channels = x.dim(3);
  Tensor out = Tensor::empty({x.dim(0), x.dim(1) * f, width * f, channels}, DType::kF32);
  const auto* px = x.data<float>();
  auto* py = out.data_mut<float>();
  parallel_for(x.dim(0) * x.dim(1) * f, [&](int64_t row) {
    const float* from = px + row / f * width * channels;
    float* y = py + row * width * f * channels;
    for (int64_t w = 0; w < width * f; ++w) copy(from + w / f * channels, y + w * channels, channels);
  });
  return out;
}

Tensor repeat_channels(const Tensor& x, int64_t repeats) {
  Tensor out = Tensor::empty(with_last(x, x.dim(-1) * repeats), DType::kF32);
  const auto* px = x.data<float>();
  auto* py = out.data_mut<float>();
  parallel_ranges(x.numel(), 16384, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) std::fill_n(py + i * repeats, repeats, px[i]);
  });
  return out;
}

Tensor add_upsampled(const Tensor& x, const Tensor& shortcut) {
  const int64_t height = shortcut.dim(1), width = shortcut.dim(2), channels = x.dim(3), from_channels = shortcut.dim(3);
  const int64_t share = from_channels / channels;  // of the four pixels that one pixel's channels become: 4 take turns
  Tensor out = Tensor::empty(x.shape(), DType::kF32);
  const auto* px = x.data<float>();
  const auto* ps = shortcut.data<float>();
  auto* py = out.data_mut<float>();
  parallel_for(x.dim(0) * height * 2, [&](int64_t row) {
    for (int64_t w = 0; w < 2 * width; ++w) {
      const float* a = px + (row * 2 * width + w) * channels;
      const float* b = ps + (row / 2 * width + w / 2) * from_channels + (row % 2 * 2 + w % 2) * share / 4;
      float* y = py + (row * 2 * width + w) * channels;
      for (int64_t c = 0; c < channels; ++c) y[c] = a[c] + b[c * share];
    }
  });
  return out;
}

Tensor mean_channel_groups(const Tensor& x, int64_t group) {
  Tensor out = Tensor::empty(with_last(x, x.dim(-1) / group), DType::kF32);
  const auto* px = x.data<float>();
  auto* py = out.data_mut<float>();
  parallel_ranges(out.numel(), 16384, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float sum = 0;
      for (int64_t g = 0; g < group; ++g) sum += px[i * group + g];
      py[i] = sum / static_cast<float>(group);
    }
  });
  return out;
}

Tensor concat_channels(const Tensor& a, const Tensor& b) {
  const int64_t ca = a.dim(-1), cb = b.dim(-1);
  Tensor out = Tensor::empty(with_last(a, ca + cb), DType::kF32);
  if (out.numel() == 0) return out;
  const auto* pa = a.data<float>();
  const auto* pb = b.data<float>();
  auto* py = out.data_mut<float>();
  parallel_ranges(a.numel() / ca, kGrainRows, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      copy(pa + r * ca, py + r * (ca + cb), ca);
      copy(pb + r * cb, py + r * (ca + cb) + ca, cb);
    }
  });
  return out;
}

Tensor concat_rows(std::span<const Tensor> parts) {
  std::vector<int64_t> dims(parts[0].shape().dims().begin(), parts[0].shape().dims().end());
  dims[0] = 0;
  for (const Tensor& part : parts) dims[0] += part.dim(0);
  Tensor out = Tensor::empty(Shape(std::span<const int64_t>(dims)), DType::kF32);
  auto* py = out.data_mut<float>();
  for (const Tensor& part : parts) {
    const auto* px = part.data<float>();
    parallel_ranges(part.numel(), int64_t{1} << 18,
                    [&](int64_t begin, int64_t end) { copy(px + begin, py + begin, end - begin); });
    py += part.numel();
  }
  return out;
}

Tensor slice_channels(const Tensor& x, int64_t begin, int64_t end) {
  const int64_t channels = x.dim(-1), n = end - begin;
  Tensor out = Tensor::empty(with_last(x, n), DType::kF32);
  const auto* px = x.data<float>();
  auto* py = out.data_mut<float>();
  parallel_ranges(x.numel() / channels, kGrainRows, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) copy(px + r * channels + begin, py + r * n, n);
  });
  return out;
}

Tensor unpatchify(const Tensor& x, int64_t height, int64_t width, int64_t p) {
  const int64_t batch = x.dim(0), channels = x.dim(2) / (p * p);
  Tensor out = Tensor::empty({batch, channels, height * p, width * p}, DType::kF32);
  const auto* px = x.data<float>();
  auto* py = out.data_mut<float>();
  parallel_for(batch * channels, [&](int64_t plane) {
    const int64_t b = plane / channels, c = plane % channels;
    float* y = py + plane * height * p * width * p;
    for (int64_t row = 0; row < height * p; ++row)
      for (int64_t column = 0; column < width * p; ++column)
        *y++ = px[((b * height + row / p) * width + column / p) * p * p * channels +
                  (row % p * p + column % p) * channels + c];
  });
  return out;
}

Tensor patchify_video(const Tensor& x, ops::Patch p) {
  const int64_t batch = x.dim(0), channels = x.dim(1), frames = x.dim(2), height = x.dim(3), width = x.dim(4);
  const int64_t rows = height / p.height, columns = width / p.width, grid_frames = frames / p.frames;
  const int64_t features = channels * p.frames * p.height * p.width;
  Tensor out = Tensor::empty({batch, grid_frames * rows * columns, features}, DType::kF32);
  const auto* px = x.data<float>();
  auto* py = out.data_mut<float>();
  parallel_for(batch * grid_frames * rows, [&](int64_t task) {
    const int64_t b = task / rows / grid_frames, t = task / rows % grid_frames, r = task % rows;
    for (int64_t w = 0; w < columns; ++w) {
      float* y = py + (task * columns + w) * features;
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t i = 0; i < p.frames; ++i)
          for (int64_t j = 0; j < p.height; ++j, y += p.width)
            copy(px + (((b * channels + c) * frames + t * p.frames + i) * height + r * p.height + j) * width +
                     w * p.width,
                 y, p.width);
    }
  });
  return out;
}

Tensor unpatchify_video(const Tensor& x, ops::Patch grid, ops::Patch p) {
  const int64_t batch = x.dim(0), features = x.dim(2), channels = features / (p.frames * p.height * p.width);
  const int64_t frames = grid.frames * p.frames, height = grid.height * p.height, width = grid.width * p.width;
  Tensor out = Tensor::empty({batch, channels, frames, height, width}, DType::kF32);
  const auto* px = x.data<float>();
  auto* py = out.data_mut<float>();
  parallel_for(batch * channels * frames, [&](int64_t task) {
    const int64_t b = task / frames / channels, c = task / frames % channels, t = task % frames;
    const float* tokens = px + (b * grid.frames + t / p.frames) * grid.height * grid.width * features;
    float* y = py + task * height * width;
    for (int64_t r = 0; r < height; ++r) {
      const int64_t place = (t % p.frames * p.height + r % p.height) * p.width;
      for (int64_t w = 0; w < width; ++w)
        *y++ = tokens[(r / p.height * grid.width + w / p.width) * features + (place + w % p.width) * channels + c];
    }
  });
  return out;
}

}  // namespace swan::backends

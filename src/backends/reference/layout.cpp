#include <vector>

#include "reference/functions.h"

namespace swan::backends::reference {

namespace {

// x's shape with another last dimension.
Shape with_channels(const Tensor& x, int64_t channels) {
  std::vector<int64_t> dims(x.shape().dims().begin(), x.shape().dims().end());
  dims.back() = channels;
  return Shape(dims);
}

// A tensor of four dimensions whose element (a, b, c, d) is source[fn(a, b, c, d)].
template <typename Fn>
Tensor gather(const Tensor& source, const Shape& shape, const Fn& fn) {
  Tensor y = Tensor::empty(shape, DType::kF32);
  const auto* from = source.data<float>();
  auto* to = y.data_mut<float>();
  for (int64_t a = 0; a < shape[0]; ++a)
    for (int64_t b = 0; b < shape[1]; ++b)
      for (int64_t c = 0; c < shape[2]; ++c)
        for (int64_t d = 0; d < shape[3]; ++d) *to++ = from[fn(a, b, c, d)];
  return y;
}

// The index of (a, b, c, d) in a tensor of four dimensions.
int64_t index(const Tensor& x, int64_t a, int64_t b, int64_t c, int64_t d) {
  return ((a * x.dim(1) + b) * x.dim(2) + c) * x.dim(3) + d;
}

}  // namespace

Tensor nchw_to_nhwc(const Tensor& x) {
  return gather(x, {x.dim(0), x.dim(2), x.dim(3), x.dim(1)},
                [&](int64_t b, int64_t h, int64_t w, int64_t c) { return index(x, b, c, h, w); });
}

Tensor nhwc_to_nchw(const Tensor& x) {
  return gather(x, {x.dim(0), x.dim(3), x.dim(1), x.dim(2)},
                [&](int64_t b, int64_t c, int64_t h, int64_t w) { return index(x, b, h, w, c); });
}

Tensor pixel_shuffle(const Tensor& x, int64_t factor) {
  return gather(x, {x.dim(0), x.dim(1) * factor, x.dim(2) * factor, x.dim(3) / (factor * factor)},
                [&](int64_t b, int64_t h, int64_t w, int64_t c) {
                  const int64_t channel = (c * factor + h % factor) * factor + w % factor;
                  return index(x, b, h / factor, w / factor, channel);
                });
}

Tensor pixel_unshuffle(const Tensor& x, int64_t factor) {
  return gather(x, {x.dim(0), x.dim(1) / factor, x.dim(2) / factor, x.dim(3) * factor * factor},
                [&](int64_t b, int64_t h, int64_t w, int64_t channel) {
                  const int64_t row = channel / factor % factor, column = channel % factor;
                  return index(x, b, h * factor + row, w * factor + column, channel / factor / factor);
                });
}

Tensor upsample_nearest(const Tensor& x, int64_t factor) {
  return gather(x, {x.dim(0), x.dim(1) * factor, x.dim(2) * factor, x.dim(3)},
                [&](int64_t b, int64_t h, int64_t w, int64_t c) { return index(x, b, h / factor, w / factor, c); });
}

Tensor repeat_channels(const Tensor& x, int64_t repeats) {
  Tensor y = Tensor::empty(with_channels(x, x.dim(-1) * repeats), DType::kF32);
  for (int64_t i = 0; i < y.numel(); ++i) y.data_mut<float>()[i] = x.data<float>()[i / repeats];
  return y;
}

Tensor add_upsampled(const Tensor& x, const Tensor& shortcut) {
  const int64_t repeats = 4 * x.dim(3) / shortcut.dim(3);
  Tensor y = pixel_shuffle(repeat_channels(shortcut, repeats), 2);
  for (int64_t i = 0; i < y.numel(); ++i) y.data_mut<float>()[i] += x.data<float>()[i];
  return y;
}

Tensor mean_channel_groups(const Tensor& x, int64_t group) {
  Tensor y = Tensor::empty(with_channels(x, x.dim(-1) / group), DType::kF32);
  for (int64_t i = 0; i < y.numel(); ++i) {
    double sum = 0;
    for (int64_t j = 0; j < group; ++j) sum += x.data<float>()[i * group + j];
    y.data_mut<float>()[i] = static_cast<float>(sum / static_cast<double>(group));
  }
  return y;
}

Tensor concat_channels(const Tensor& a, const Tensor& b) {
  const int64_t first = a.dim(-1), second = b.dim(-1), channels = first + second;
  Tensor y = Tensor::empty(with_channels(a, channels), DType::kF32);
  for (int64_t i = 0; i < y.numel(); ++i) {
    const int64_t row = i / channels, c = i % channels;
    y.data_mut<float>()[i] = c < first ? a.data<float>()[row * first + c] : b.data<float>()[row * second + c - first];
  }
  return y;
}

Tensor concat_rows(std::span<const Tensor> parts) {
  std::vector<int64_t> dims(parts[0].shape().dims().begin(), parts[0].shape().dims().end());
  dims[0] = 0;
  for (const Tensor& part : parts) dims[0] += part.dim(0);
  Tensor y = Tensor::empty(Shape(dims), DType::kF32);
  auto* to = y.data_mut<float>();
  for (const Tensor& part : parts)
    for (int64_t i = 0; i < part.numel(); ++i) *to++ = part.data<float>()[i];
  return y;
}

Tensor slice_channels(const Tensor& x, int64_t begin, int64_t end) {
  const int64_t channels = end - begin;
  Tensor y = Tensor::empty(with_channels(x, channels), DType::kF32);
  for (int64_t i = 0; i < y.numel(); ++i)
    y.data_mut<float>()[i] = x.data<float>()[i / channels * x.dim(-1) + begin + i % channels];
  return y;
}

Tensor unpatchify(const Tensor& x, int64_t height, int64_t width, int64_t patch) {
  const int64_t channels = x.dim(2) / (patch * patch);
  return gather(x, {x.dim(0), channels, height * patch, width * patch},
                [&](int64_t b, int64_t c, int64_t h, int64_t w) {
                  const int64_t token = (b * height + h / patch) * width + w / patch;
                  return ((token * patch + h % patch) * patch + w % patch) * channels + c;
                });
}

Tensor patchify_video(const Tensor& x, ops::Patch p) {
  const int64_t batch = x.dim(0), channels = x.dim(1), frames = x.dim(2), height = x.dim(3), width = x.dim(4);
  const int64_t rows = height / p.height, columns = width / p.width, tokens = frames / p.frames * rows * columns;
  Tensor y = Tensor::empty({batch, tokens, channels * p.frames * p.height * p.width}, DType::kF32);
  auto* py = y.data_mut<float>();
  for (int64_t token = 0; token < batch * tokens; ++token) {
    const int64_t b = token / tokens, t = token % tokens / (rows * columns), r = token / columns % rows,
                  w = token % columns;
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t i = 0; i < p.frames; ++i)
        for (int64_t j = 0; j < p.height; ++j)
          for (int64_t k = 0; k < p.width; ++k)
            *py++ =
                x.data<float>()[(((b * channels + c) * frames + t * p.frames + i) * height + r * p.height + j) * width +
                                w * p.width + k];
  }
  return y;
}

Tensor unpatchify_video(const Tensor& x, ops::Patch grid, ops::Patch p) {
  const int64_t batch = x.dim(0), channels = x.dim(2) / (p.frames * p.height * p.width);
  Tensor y = Tensor::empty({batch, channels, grid.frames * p.frames, grid.height * p.height, grid.width * p.width},
                           DType::kF32);
  auto* py = y.data_mut<float>();
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t t = 0; t < y.dim(2); ++t)
        for (int64_t r = 0; r < y.dim(3); ++r)
          for (int64_t w = 0; w < y.dim(4); ++w) {
            const int64_t token = (t / p.frames * grid.height + r / p.height) * grid.width + w / p.width;
            const int64_t place = (t % p.frames * p.height + r % p.height) * p.width + w % p.width;
            *py++ = x.data<float>()[(b * x.dim(1) + token) * x.dim(2) + place * channels + c];
          }
  return y;
}

}  // namespace swan::backends::reference

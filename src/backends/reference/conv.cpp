#include <span>
#include <vector>

#include "core/parallel.h"
#include "reference/functions.h"

namespace swan::backends::reference {

namespace {

/// One convolution. Its weight is widened to f32 and laid out so that the terms of neighbouring output channels lie
/// side by side: each sum is still taken alone, term after term, but those of a group are taken together, which
/// compilers turn into vectors. Convolutions are most of what the tests of operations compute.
class Conv {
 public:
  Conv(std::span<const Tensor> frames, const ops::ConvWeight& w)
      : frames_(frames),
        geometry_(w),
        in_(w.weight.dim(1)),
        group_(w.out_channels() / w.groups),
        weight_(static_cast<size_t>(w.weight.numel())) {
    // [groups, group, in, frames, kernel, kernel] to [groups, frames, kernel, kernel, in, group]
    const Tensor wide = w.weight.to(DType::kF32);
    const auto* from = wide.data<float>();
    const int64_t taps = w.frames() * w.kernel() * w.kernel();
    for (int64_t o = 0; o < w.out_channels(); ++o)
      for (int64_t c = 0; c < in_; ++c)
        for (int64_t tap = 0; tap < taps; ++tap)
          weight_[static_cast<size_t>(((o / group_ * taps + tap) * in_ + c) * group_ + o % group_)] = *from++;
  }

  /// The outputs of one pixel before rounding: a group's channels.
  void values(int64_t batch, int64_t row, int64_t column, int64_t group, std::span<double> sums) const {
    const int64_t zoom = geometry_.upsample ? 2 : 1;
    const int64_t kernel = geometry_.kernel();
    for (size_t o = 0; o < sums.size(); ++o)
      sums[o] = geometry_.bias.defined() ? geometry_.bias.data<float>()[group * group_ + static_cast<int64_t>(o)] : 0;
    for (int64_t t = 0; t < geometry_.frames(); ++t) {
      const Tensor& x = frames_[static_cast<size_t>(t)];
      if (!x.defined()) continue;  // zeros
      const int64_t height = x.dim(1), width = x.dim(2), channels = x.dim(3);
      for (int64_t i = 0; i < kernel; ++i) {
        for (int64_t j = 0; j < kernel; ++j) {
          const int64_t y = row * geometry_.stride + i - geometry_.padding;
          const int64_t z = column * geometry_.stride + j - geometry_.padding;
          if (y < 0 || y >= height * zoom || z < 0 || z >= width * zoom) continue;  // padding: zeros
          const auto* pixel =
              x.data<float>() + ((batch * height + y / zoom) * width + z / zoom) * channels + group * in_;
          const int64_t tap = ((group * geometry_.frames() + t) * kernel + i) * kernel + j;
          const float* pw = weight_.data() + tap * in_ * group_;
          for (int64_t c = 0; c < in_; ++c, pw += group_)
            for (size_t o = 0; o < sums.size(); ++o) sums[o] += static_cast<double>(pixel[c]) * pw[o];
        }
      }
    }
  }

 private:
  std::span<const Tensor> frames_;
  const ops::ConvWeight& geometry_;
  int64_t in_;     // channels of a group that are read
  int64_t group_;  // channels of a group that are written
  std::vector<float> weight_;
};

}  // namespace

Tensor conv(std::span<const Tensor> frames, const ops::ConvWeight& w, ops::Activation activation) {
  const Tensor x = ops::first_frame(frames);
  const int64_t height = w.out_extent(x.dim(1)), width = w.out_extent(x.dim(2)), channels = w.out_channels();
  const Conv convolution(frames, w);
  Tensor y = Tensor::empty({x.dim(0), height, width, channels}, DType::kF32);
  auto* py = y.data_mut<float>();
  parallel_for(y.dim(0) * height * width, [&](int64_t pixel) {
    std::vector<double> sums(static_cast<size_t>(channels / w.groups));
    auto* out = py + pixel * channels;
    for (int64_t group = 0; group < w.groups; ++group) {
      convolution.values(pixel / width / height, pixel / width % height, pixel % width, group, sums);
      for (const double sum : sums) *out++ = static_cast<float>(apply(activation, sum));
    }
  });
  return y;
}

Tensor depthwise_conv_glu(const Tensor& x, const ops::ConvWeight& w) {
  const int64_t height = x.dim(1), width = x.dim(2), half = x.dim(3) / 2;
  const Conv convolution(std::span(&x, 1), w);
  Tensor y = Tensor::empty({x.dim(0), height, width, half}, DType::kF32);
  auto* py = y.data_mut<float>();
  parallel_for(x.dim(0) * height * width, [&](int64_t pixel) {
    const int64_t batch = pixel / width / height, row = pixel / width % height, column = pixel % width;
    for (int64_t c = 0; c < half; ++c) {
      double value = 0, gate = 0;
      convolution.values(batch, row, column, c, std::span(&value, 1));
      convolution.values(batch, row, column, half + c, std::span(&gate, 1));
      py[pixel * half + c] = static_cast<float>(value * apply(ops::Activation::kSilu, gate));
    }
  });
  return y;
}

}  // namespace swan::backends::reference

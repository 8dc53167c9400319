#include "core/parallel.h"
#include "reference/functions.h"

namespace swan::backends::reference {

namespace {

/// One convolution with its weight widened to f32; value() is one output before rounding.
class Conv {
 public:
  Conv(std::span<const Tensor> frames, const ops::ConvWeight& w)
      : frames_(frames), geometry_(w), weight_(w.weight.to(DType::kF32)), in_(w.weight.dim(1)) {}

  [[nodiscard]] double value(int64_t batch, int64_t row, int64_t column, int64_t out_channel) const {
    const int64_t zoom = geometry_.upsample ? 2 : 1;
    const int64_t kernel = geometry_.kernel();
    const int64_t group = out_channel / (geometry_.out_channels() / geometry_.groups);
    const auto* pw = weight_.data<float>();
    double sum = geometry_.bias.defined() ? geometry_.bias.data<float>()[out_channel] : 0;
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
          for (int64_t c = 0; c < in_; ++c)
            sum += static_cast<double>(pixel[c]) *
                   pw[(((out_channel * in_ + c) * geometry_.frames() + t) * kernel + i) * kernel + j];
        }
      }
    }
    return sum;
  }

 private:
  std::span<const Tensor> frames_;
  const ops::ConvWeight& geometry_;
  Tensor weight_;
  int64_t in_;  // channels of a group
};

}  // namespace

Tensor conv(std::span<const Tensor> frames, const ops::ConvWeight& w, ops::Activation activation) {
  const Tensor x = ops::first_frame(frames);
  const int64_t height = w.out_extent(x.dim(1)), width = w.out_extent(x.dim(2)), channels = w.out_channels();
  const Conv convolution(frames, w);
  Tensor y = Tensor::empty({x.dim(0), height, width, channels}, DType::kF32);
  auto* py = y.data_mut<float>();
  parallel_for(y.dim(0) * height * width, [&](int64_t pixel) {
    for (int64_t o = 0; o < channels; ++o) {
      const double sum = convolution.value(pixel / width / height, pixel / width % height, pixel % width, o);
      py[pixel * channels + o] = static_cast<float>(apply(activation, sum));
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
      const double value = convolution.value(batch, row, column, c);
      const double gate = convolution.value(batch, row, column, half + c);
      py[pixel * half + c] = static_cast<float>(value * apply(ops::Activation::kSilu, gate));
    }
  });
  return y;
}

}  // namespace swan::backends::reference

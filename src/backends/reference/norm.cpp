#include <cmath>

#include "core/parallel.h"
#include "reference/functions.h"

namespace swan::backends::reference {

Tensor rms_norm(const Tensor& x, const Tensor& weight, float eps, const ops::RmsNormOptions& options) {
  const int64_t channels = x.dim(-1);
  Tensor y = Tensor::empty(x.shape(), DType::kF32);
  const auto* px = x.data<float>();
  auto* py = y.data_mut<float>();
  parallel_for(x.numel() / channels, [&](int64_t row) {
    double squares = 0;
    for (int64_t c = 0; c < channels; ++c)
      squares += static_cast<double>(px[row * channels + c]) * px[row * channels + c];
    const double rms = std::sqrt(squares / static_cast<double>(channels) + eps);
    for (int64_t c = 0; c < channels; ++c) {
      double value = px[row * channels + c] / rms;
      if (weight.defined()) value *= weight.data<float>()[c] + (options.weight_plus_one ? 1.0 : 0.0);
      if (options.bias.defined()) value += options.bias.data<float>()[c];
      value = apply(options.activation, value);
      if (options.residual.defined()) value += options.residual.data<float>()[row * channels + c];
      py[row * channels + c] = static_cast<float>(value);
    }
  });
  return y;
}

namespace {
// One row, its deviations from the mean over the standard deviation, then times factor(c) plus offset(c).
template <typename Factor, typename Offset>
void layer_norm_row(const float* x, float* y, int64_t channels, float eps, const Factor& factor, const Offset& offset) {
  double sum = 0;
  for (int64_t c = 0; c < channels; ++c) sum += x[c];
  const double mean = sum / static_cast<double>(channels);
  double squares = 0;
  for (int64_t c = 0; c < channels; ++c) squares += std::pow(x[c] - mean, 2);
  const double deviation = std::sqrt(squares / static_cast<double>(channels) + eps);
  for (int64_t c = 0; c < channels; ++c) y[c] = static_cast<float>((x[c] - mean) / deviation * factor(c) + offset(c));
}
}  // namespace

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps) {
  const int64_t channels = x.dim(-1);
  Tensor y = Tensor::empty(x.shape(), DType::kF32);
  const auto* px = x.data<float>();
  auto* py = y.data_mut<float>();
  parallel_for(x.numel() / channels, [&](int64_t row) {
    layer_norm_row(
        px + row * channels, py + row * channels, channels, eps,
        [&](int64_t c) -> double { return weight.data<float>()[c]; },
        [&](int64_t c) -> double { return bias.data<float>()[c]; });
  });
  return y;
}

Tensor layer_norm_modulate(const Tensor& x, const Tensor& scale, const Tensor& shift, float eps) {
  const int64_t batches = x.dim(0), tokens = x.dim(1), channels = x.dim(2);
  Tensor y = Tensor::empty(x.shape(), DType::kF32);
  const auto* px = x.data<float>();
  auto* py = y.data_mut<float>();
  parallel_for(batches * tokens, [&](int64_t row) {
    const int64_t at = row / tokens * channels;
    layer_norm_row(
        px + row * channels, py + row * channels, channels, eps,
        [&](int64_t c) { return 1.0 + scale.data<float>()[at + c]; },
        [&](int64_t c) -> double { return shift.data<float>()[at + c]; });
  });
  return y;
}

Tensor rms_norm_rope_interleaved(const Tensor& x, const Tensor& weight, float eps, const Tensor& cos,
                                 const Tensor& sin) {
  return rope_interleaved(rms_norm(x, weight, eps, {}), cos, sin);
}

}  // namespace swan::backends::reference

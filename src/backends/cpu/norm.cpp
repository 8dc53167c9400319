#include "ops/norm.h"

#include <algorithm>

#include "core/parallel.h"
#include "cpu/entries.h"
#include "cpu/kernels/norm.h"

namespace swan::backends {

namespace {
// Rows of one task: about 64 KiB.
int64_t rows_per_task(int64_t channels) { return std::max<int64_t>(1, 16384 / std::max<int64_t>(channels, 1)); }
const float* data_or_null(const Tensor& t) { return t.defined() ? t.data<float>() : nullptr; }
}  // namespace

Tensor rms_norm(const Tensor& x, const Tensor& weight, float eps, const ops::RmsNormOptions& options) {
  const int64_t channels = x.dim(-1);
  Tensor out = Tensor::empty(x.shape(), DType::kF32);
  if (out.numel() == 0) return out;
  const auto* px = x.data<float>();
  auto* py = out.data_mut<float>();
  const float* residual = data_or_null(options.residual);
  const kernels::RmsNorm norm = {.channels = channels,
                                 .eps = eps,
                                 .weight = data_or_null(weight),
                                 .weight_offset = options.weight_plus_one ? 1.0F : 0.0F,
                                 .bias = data_or_null(options.bias),
                                 .activation = options.activation};
  parallel_ranges(x.numel() / channels, rows_per_task(channels), [&](int64_t begin, int64_t end) {
    const int64_t at = begin * channels;
    kernels::rms_norm_rows(px + at, residual != nullptr ? residual + at : nullptr, py + at, end - begin, norm);
  });
  return out;
}

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps) {
  const int64_t channels = x.dim(-1);
  Tensor out = Tensor::empty(x.shape(), DType::kF32);
  if (out.numel() == 0) return out;
  const auto* px = x.data<float>();
  auto* py = out.data_mut<float>();
  parallel_ranges(x.numel() / channels, rows_per_task(channels), [&](int64_t begin, int64_t end) {
    const int64_t at = begin * channels;
    kernels::layer_norm_rows(px + at, 0, weight.data<float>(), bias.data<float>(), py + at, end - begin, channels, eps);
  });
  return out;
}

Tensor layer_norm_modulate(const Tensor& x, const Tensor& scale, const Tensor& shift, float eps) {
  const int64_t batch = x.dim(0), tokens = x.dim(1), channels = x.dim(2);
  Tensor out = Tensor::empty(x.shape(), DType::kF32);
  if (out.numel() == 0) return out;
  const auto* px = x.data<float>();
  const auto* ps = scale.data<float>();
  const auto* pt = shift.data<float>();
  auto* py = out.data_mut<float>();
  const int64_t rows = rows_per_task(channels);
  const int64_t tasks = (tokens + rows - 1) / rows;
  parallel_for(batch * tasks, [&](int64_t task) {
    const int64_t b = task / tasks;
    const int64_t begin = task % tasks * rows, end = std::min(tokens, begin + rows);
    const int64_t at = (b * tokens + begin) * channels;
    kernels::layer_norm_rows(px + at, 1, ps + b * channels, pt + b * channels, py + at, end - begin, channels, eps);
  });
  return out;
}

Tensor rms_norm_rope_interleaved(const Tensor& x, const Tensor& weight, float eps, const Tensor& cos,
                                 const Tensor& sin) {
  return rope_interleaved(rms_norm(x, weight, eps, {}), cos, sin);
}

}  // namespace swan::backends

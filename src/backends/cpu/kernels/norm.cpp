#include "cpu/kernels/norm.h"

#include <cmath>

#include "cpu/kernels/elementwise.h"
#include "cpu/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/kernels/norm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "cpu/kernels/activation-inl.h"

HWY_BEFORE_NAMESPACE();
namespace swan::backends::kernels::HWY_NAMESPACE {

using D = hn::ScalableTag<float>;

// Four accumulators: one alone would wait for each addition, and sum with four times the rounding error.
float SumOfSquares(const float* x, float mean, int64_t n) {
  const D d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto m = hn::Set(d, mean);
  auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    const auto a = hn::Sub(hn::LoadU(d, x + i), m), b = hn::Sub(hn::LoadU(d, x + i + lanes), m);
    const auto c = hn::Sub(hn::LoadU(d, x + i + 2 * lanes), m), e = hn::Sub(hn::LoadU(d, x + i + 3 * lanes), m);
    s0 = hn::MulAdd(a, a, s0);
    s1 = hn::MulAdd(b, b, s1);
    s2 = hn::MulAdd(c, c, s2);
    s3 = hn::MulAdd(e, e, s3);
  }
  for (; i + lanes <= n; i += lanes) {
    const auto a = hn::Sub(hn::LoadU(d, x + i), m);
    s0 = hn::MulAdd(a, a, s0);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(s0, s1), hn::Add(s2, s3))));
  for (; i < n; ++i) sum += (x[i] - mean) * (x[i] - mean);
  return sum;
}

float Sum(const float* x, int64_t n) {
  const D d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  auto s0 = hn::Zero(d), s1 = s0;
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    s0 = hn::Add(s0, hn::LoadU(d, x + i));
    s1 = hn::Add(s1, hn::LoadU(d, x + i + lanes));
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(s0, s1)));
  for (; i < n; ++i) sum += x[i];
  return sum;
}

// One row without activation: what most norms are.
void RmsNormRow(const float* x, const float* residual, float* y, const RmsNorm& norm) {
  const D d;
  const int64_t n = norm.channels;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const float scale = 1.0F / std::sqrt(SumOfSquares(x, 0.0F, n) / static_cast<float>(n) + norm.eps);
  const auto s = hn::Set(d, scale);
  const auto offset = hn::Set(d, norm.weight_offset);
  const bool plain = norm.activation == ops::Activation::kNone;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    auto v = hn::Mul(hn::LoadU(d, x + i), s);
    if (norm.weight != nullptr) v = hn::Mul(v, hn::Add(hn::LoadU(d, norm.weight + i), offset));
    if (norm.bias != nullptr) v = hn::Add(v, hn::LoadU(d, norm.bias + i));
    if (plain && residual != nullptr) v = hn::Add(v, hn::LoadU(d, residual + i));
    hn::StoreU(v, d, y + i);
  }
  for (; i < n; ++i) {
    float v = x[i] * scale;
    if (norm.weight != nullptr) v *= norm.weight[i] + norm.weight_offset;
    if (norm.bias != nullptr) v += norm.bias[i];
    if (plain && residual != nullptr) v += residual[i];
    y[i] = v;
  }
}

void RmsNormRows(const float* x, const float* residual, float* y, int64_t rows, const RmsNorm& norm) {
  for (int64_t r = 0; r < rows; ++r)
    RmsNormRow(x + r * norm.channels, residual == nullptr ? nullptr : residual + r * norm.channels,
               y + r * norm.channels, norm);
}

void LayerNormRows(const float* x, float one_value, const float* scale, const float* shift, float* y, int64_t rows,
                   int64_t channels, float eps) {
  const D d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto one = hn::Set(d, one_value);
  for (int64_t r = 0; r < rows; ++r, x += channels, y += channels) {
    const float mean = Sum(x, channels) / static_cast<float>(channels);
    const float rstd = 1.0F / std::sqrt(SumOfSquares(x, mean, channels) / static_cast<float>(channels) + eps);
    const auto m = hn::Set(d, mean), s = hn::Set(d, rstd);
    int64_t i = 0;
    for (; i + lanes <= channels; i += lanes) {
      const auto normed = hn::Mul(hn::Sub(hn::LoadU(d, x + i), m), s);
      hn::StoreU(hn::MulAdd(normed, hn::Add(one, hn::LoadU(d, scale + i)), hn::LoadU(d, shift + i)), d, y + i);
    }
    for (; i < channels; ++i) y[i] = (x[i] - mean) * rstd * (one_value + scale[i]) + shift[i];
  }
}

}  // namespace swan::backends::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace swan::backends::kernels {

HWY_EXPORT(RmsNormRows);
HWY_EXPORT(LayerNormRows);

void rms_norm_rows(const float* x, const float* residual, float* y, int64_t rows, const RmsNorm& norm) {
  HWY_DYNAMIC_DISPATCH(RmsNormRows)(x, residual, y, rows, norm);
  if (norm.activation == ops::Activation::kNone) return;
  const int64_t n = rows * norm.channels;
  activate(y, y, n, norm.activation);
  if (residual != nullptr) add(y, residual, y, n);
}

void layer_norm_rows(const float* x, float one, const float* scale, const float* shift, float* y, int64_t rows,
                     int64_t channels, float eps) {
  HWY_DYNAMIC_DISPATCH(LayerNormRows)(x, one, scale, shift, y, rows, channels, eps);
}

}  // namespace swan::backends::kernels
#endif

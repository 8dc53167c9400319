#include "cpu/kernels/depthwise.h"

#include <algorithm>
#include <cstring>

#include "cpu/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/kernels/depthwise.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "cpu/kernels/activation-inl.h"

HWY_BEFORE_NAMESPACE();
namespace swan::backends::kernels::HWY_NAMESPACE {

using D = hn::ScalableTag<float>;

// One vector of channels at one pixel, value and gate halves together.
template <class V>
HWY_INLINE V DepthwiseGlu(D d, const float* x, const float* weights, const float* bias, const DepthwiseGluRow& s,
                          int64_t column, int64_t c) {
  const int64_t all = 2 * s.channels;
  const int64_t radius = s.kernel / 2;
  V value = bias != nullptr ? hn::LoadU(d, bias + c) : hn::Zero(d);
  V gate = bias != nullptr ? hn::LoadU(d, bias + s.channels + c) : hn::Zero(d);
  const int64_t row_begin = std::max<int64_t>(0, s.row - radius), row_end = std::min(s.height, s.row + radius + 1);
  const int64_t column_begin = std::max<int64_t>(0, column - radius);
  const int64_t column_end = std::min(s.width, column + radius + 1);
  for (int64_t r = row_begin; r < row_end; ++r) {
    for (int64_t k = column_begin; k < column_end; ++k) {
      const float* px = x + (r * s.width + k) * all + c;
      const float* pw = weights + ((r - s.row + radius) * s.kernel + (k - column + radius)) * all + c;
      value = hn::MulAdd(hn::LoadU(d, px), hn::LoadU(d, pw), value);
      gate = hn::MulAdd(hn::LoadU(d, px + s.channels), hn::LoadU(d, pw + s.channels), gate);
    }
  }
  return hn::Mul(value, silu(d, gate));
}

float DepthwiseGluOne(const float* x, const float* weights, const float* bias, const DepthwiseGluRow& s, int64_t column,
                      int64_t c) {
  const hn::CappedTag<float, 1> d;
  const int64_t all = 2 * s.channels;
  const int64_t radius = s.kernel / 2;
  float value = bias != nullptr ? bias[c] : 0.0F;
  float gate = bias != nullptr ? bias[s.channels + c] : 0.0F;
  for (int64_t r = std::max<int64_t>(0, s.row - radius); r < std::min(s.height, s.row + radius + 1); ++r) {
    for (int64_t k = std::max<int64_t>(0, column - radius); k < std::min(s.width, column + radius + 1); ++k) {
      const float* px = x + (r * s.width + k) * all + c;
      const float* pw = weights + ((r - s.row + radius) * s.kernel + (k - column + radius)) * all + c;
      value += px[0] * pw[0];
      gate += px[s.channels] * pw[s.channels];
    }
  }
  return value * hn::GetLane(silu(d, hn::Set(d, gate)));
}

void DepthwiseGluRowImpl(const float* x, const float* weights, const float* bias, float* y, const DepthwiseGluRow& s) {
  const D d;
  using V = hn::Vec<D>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  // Channels in blocks whose weights stay in the first-level cache while the row is walked.
  constexpr int64_t kBlock = 256;
  for (int64_t c0 = 0; c0 < s.channels; c0 += kBlock) {
    const int64_t c1 = std::min(s.channels, c0 + kBlock);
    for (int64_t column = 0; column < s.width; ++column) {
      float* out = y + column * s.channels;
      int64_t c = c0;
      for (; c + lanes <= c1; c += lanes) hn::StoreU(DepthwiseGlu<V>(d, x, weights, bias, s, column, c), d, out + c);
      for (; c < c1; ++c) out[c] = DepthwiseGluOne(x, weights, bias, s, column, c);
    }
  }
}

}  // namespace swan::backends::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace swan::backends::kernels {

HWY_EXPORT(DepthwiseGluRowImpl);

void depthwise_glu_row(const float* x, const float* weights, const float* bias, float* y,
                       const DepthwiseGluRow& shape) {
  HWY_DYNAMIC_DISPATCH(DepthwiseGluRowImpl)(x, weights, bias, y, shape);
}

}  // namespace swan::backends::kernels
#endif

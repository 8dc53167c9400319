#include "cpu/kernels/winograd.h"

#include <array>

#include "cpu/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/kernels/winograd.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace swan::backends::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// B^T d of one row or column, in place.
template <class V>
HWY_INLINE void InputPoints4(V& d0, V& d1, V& d2, V& d3) {
  const V sum = hn::Add(d1, d2), difference = hn::Sub(d2, d1);
  d0 = hn::Sub(d0, d2);
  d3 = hn::Sub(d1, d3);
  d1 = sum;
  d2 = difference;
}
template <class V>
HWY_INLINE void InputPoints3(V& d0, V& d1, V& d2) {
  d0 = hn::Sub(d0, d1);
  d2 = hn::Sub(d1, d2);
}

// One vector of channels of a tile. The arrays are unrolled into registers: their indices are constants.
template <int kPoints, class D>
HWY_INLINE void Input(D d, const float* const* pixels, int64_t c, float* v, int64_t stride) {
  using V = hn::Vec<D>;
  if constexpr (kPoints == 4) {
    V t0[4], t1[4], t2[4], t3[4];
    HWY_UNROLL(4) for (int j = 0; j < 4; ++j) {
      t0[j] = hn::LoadU(d, pixels[j] + c);
      t1[j] = hn::LoadU(d, pixels[4 + j] + c);
      t2[j] = hn::LoadU(d, pixels[8 + j] + c);
      t3[j] = hn::LoadU(d, pixels[12 + j] + c);
      InputPoints4(t0[j], t1[j], t2[j], t3[j]);
    }
    InputPoints4(t0[0], t0[1], t0[2], t0[3]);
    InputPoints4(t1[0], t1[1], t1[2], t1[3]);
    InputPoints4(t2[0], t2[1], t2[2], t2[3]);
    InputPoints4(t3[0], t3[1], t3[2], t3[3]);
    HWY_UNROLL(4) for (int j = 0; j < 4; ++j) {
      hn::StoreU(t0[j], d, v + j * stride + c);
      hn::StoreU(t1[j], d, v + (4 + j) * stride + c);
      hn::StoreU(t2[j], d, v + (8 + j) * stride + c);
      hn::StoreU(t3[j], d, v + (12 + j) * stride + c);
    }
  } else {
    V t0[3], t1[3], t2[3];
    HWY_UNROLL(3) for (int j = 0; j < 3; ++j) {
      t0[j] = hn::LoadU(d, pixels[j] + c);
      t1[j] = hn::LoadU(d, pixels[3 + j] + c);
      t2[j] = hn::LoadU(d, pixels[6 + j] + c);
      InputPoints3(t0[j], t1[j], t2[j]);
    }
    InputPoints3(t0[0], t0[1], t0[2]);
    InputPoints3(t1[0], t1[1], t1[2]);
    InputPoints3(t2[0], t2[1], t2[2]);
    HWY_UNROLL(3) for (int j = 0; j < 3; ++j) {
      hn::StoreU(t0[j], d, v + j * stride + c);
      hn::StoreU(t1[j], d, v + (3 + j) * stride + c);
      hn::StoreU(t2[j], d, v + (6 + j) * stride + c);
    }
  }
}

// A^T m of one row or column: two output values.
template <int kPoints, class D, class V = hn::Vec<D>>
HWY_INLINE void OutputPoints(D d, const float* m, int64_t stride, V& y0, V& y1) {
  const V m0 = hn::LoadU(d, m), m1 = hn::LoadU(d, m + stride), m2 = hn::LoadU(d, m + 2 * stride);
  if constexpr (kPoints == 4) {
    y0 = hn::Add(hn::Add(m0, m1), m2);
    y1 = hn::Sub(hn::Sub(m1, m2), hn::LoadU(d, m + 3 * stride));
  } else {
    y0 = hn::Add(m0, m1);
    y1 = hn::Sub(m1, m2);
  }
}

template <int kPoints, class D>
HWY_INLINE void Output(D d, const float* m, int64_t stride, int64_t c, const float* bias, float* const* pixels) {
  using V = hn::Vec<D>;
  V left[kPoints], right[kPoints];
  HWY_UNROLL(4)
  for (int i = 0; i < kPoints; ++i) OutputPoints<kPoints>(d, m + i * kPoints * stride + c, stride, left[i], right[i]);
  const V b = bias != nullptr ? hn::LoadU(d, bias + c) : hn::Zero(d);
  const auto store = [&](const V* column, int which) HWY_ATTR {
    V y0, y1;
    if constexpr (kPoints == 4) {
      y0 = hn::Add(hn::Add(column[0], column[1]), column[2]);
      y1 = hn::Sub(hn::Sub(column[1], column[2]), column[3]);
    } else {
      y0 = hn::Add(column[0], column[1]);
      y1 = hn::Sub(column[1], column[2]);
    }
    if (pixels[which] != nullptr) hn::StoreU(hn::Add(y0, b), d, pixels[which] + c);
    if (pixels[2 + which] != nullptr) hn::StoreU(hn::Add(y1, b), d, pixels[2 + which] + c);
  };
  store(left, 0);
  store(right, 1);
}

template <int kPoints>
void InputTile(const float* const* pixels, int64_t channels, float* v, int64_t stride) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t c = 0;
  for (; c + lanes <= channels; c += lanes) Input<kPoints>(d, pixels, c, v, stride);
  for (; c < channels; ++c) Input<kPoints>(hn::CappedTag<float, 1>(), pixels, c, v, stride);
}

template <int kPoints>
void OutputTile(const float* m, int64_t stride, int64_t channels, const float* bias, float* const* pixels) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t c = 0;
  for (; c + lanes <= channels; c += lanes) Output<kPoints>(d, m, stride, c, bias, pixels);
  for (; c < channels; ++c) Output<kPoints>(hn::CappedTag<float, 1>(), m, stride, c, bias, pixels);
}

void InputTile4(const float* const* pixels, int64_t channels, float* v, int64_t stride) {
  InputTile<4>(pixels, channels, v, stride);
}
void InputTile3(const float* const* pixels, int64_t channels, float* v, int64_t stride) {
  InputTile<3>(pixels, channels, v, stride);
}
void OutputTile4(const float* m, int64_t stride, int64_t channels, const float* bias, float* const* pixels) {
  OutputTile<4>(m, stride, channels, bias, pixels);
}
void OutputTile3(const float* m, int64_t stride, int64_t channels, const float* bias, float* const* pixels) {
  OutputTile<3>(m, stride, channels, bias, pixels);
}

}  // namespace swan::backends::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace swan::backends::kernels {

HWY_EXPORT(InputTile4);
HWY_EXPORT(InputTile3);
HWY_EXPORT(OutputTile4);
HWY_EXPORT(OutputTile3);

void winograd_input(const float* const* pixels, int64_t points, int64_t channels, float* v, int64_t stride) {
  if (points == 4) {
    HWY_DYNAMIC_DISPATCH(InputTile4)(pixels, channels, v, stride);
  } else {
    HWY_DYNAMIC_DISPATCH(InputTile3)(pixels, channels, v, stride);
  }
}

void winograd_output(const float* m, int64_t stride, int64_t points, int64_t channels, const float* bias,
                     float* const* pixels) {
  if (points == 4) {
    HWY_DYNAMIC_DISPATCH(OutputTile4)(m, stride, channels, bias, pixels);
  } else {
    HWY_DYNAMIC_DISPATCH(OutputTile3)(m, stride, channels, bias, pixels);
  }
}

}  // namespace swan::backends::kernels
#endif

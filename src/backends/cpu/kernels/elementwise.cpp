#include "cpu/kernels/elementwise.h"

#include <cmath>
#include <cstring>

#include "core/convert.h"
#include "core/error.h"
#include "cpu/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/kernels/elementwise.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "cpu/kernels/activation-inl.h"

HWY_BEFORE_NAMESPACE();
namespace swan::backends::kernels::HWY_NAMESPACE {

using ops::Activation;
using D = hn::ScalableTag<float>;

void Add(const float* a, const float* b, float* y, int64_t n) {
  const D d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::Add(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, y + i);
  for (; i < n; ++i) y[i] = a[i] + b[i];
}

void MultiplyAdd(const float* a, const float* b, const float* c, float* y, int64_t n) {
  const D d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), hn::LoadU(d, c + i)), d, y + i);
  for (; i < n; ++i) y[i] = a[i] * b[i] + c[i];
}

void Scale(const float* x, float factor, float* y, int64_t n) {
  const D d;
  const auto f = hn::Set(d, factor);
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::Mul(f, hn::LoadU(d, x + i)), d, y + i);
  for (; i < n; ++i) y[i] = factor * x[i];
}

// Multiplied and rounded, then added and rounded, as a solver written with tensors does.
void Accumulate(const float* x, float factor, float* y, int64_t n) {
  const D d;
  const auto f = hn::Set(d, factor);
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(hn::Add(hn::LoadU(d, y + i), hn::Mul(f, hn::LoadU(d, x + i))), d, y + i);
  for (; i < n; ++i) y[i] += factor * x[i];
}

// A tail shorter than a vector goes through a padded buffer, so that each value gets the same arithmetic.
template <Activation A>
void ActivateAll(const float* x, float* y, int64_t n) {
  const D d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(apply<A>(d, hn::LoadU(d, x + i)), d, y + i);
  if (i == n) return;
  HWY_ALIGN float tail[HWY_MAX_BYTES / sizeof(float)] = {};
  std::memcpy(tail, x + i, static_cast<size_t>(n - i) * sizeof(float));
  hn::Store(apply<A>(d, hn::Load(d, tail)), d, tail);
  std::memcpy(y + i, tail, static_cast<size_t>(n - i) * sizeof(float));
}

void Activate(const float* x, float* y, int64_t n, Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return ActivateAll<Activation::kNone>(x, y, n);
    case Activation::kRelu:
      return ActivateAll<Activation::kRelu>(x, y, n);
    case Activation::kSilu:
      return ActivateAll<Activation::kSilu>(x, y, n);
    case Activation::kGeluTanh:
      return ActivateAll<Activation::kGeluTanh>(x, y, n);
  }
}

template <Activation A>
void GatedAll(const float* gate, const float* up, float* y, int64_t n) {
  const D d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(hn::Mul(apply<A>(d, hn::LoadU(d, gate + i)), hn::LoadU(d, up + i)), d, y + i);
  if (i == n) return;
  const auto bytes = static_cast<size_t>(n - i) * sizeof(float);
  HWY_ALIGN float g[HWY_MAX_BYTES / sizeof(float)] = {};
  HWY_ALIGN float u[HWY_MAX_BYTES / sizeof(float)] = {};
  std::memcpy(g, gate + i, bytes);
  std::memcpy(u, up + i, bytes);
  hn::Store(hn::Mul(apply<A>(d, hn::Load(d, g)), hn::Load(d, u)), d, g);
  std::memcpy(y + i, g, bytes);
}

void GatedActivation(const float* gate, const float* up, float* y, int64_t n, Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return GatedAll<Activation::kNone>(gate, up, y, n);
    case Activation::kRelu:
      return GatedAll<Activation::kRelu>(gate, up, y, n);
    case Activation::kSilu:
      return GatedAll<Activation::kSilu>(gate, up, y, n);
    case Activation::kGeluTanh:
      return GatedAll<Activation::kGeluTanh>(gate, up, y, n);
  }
}

int64_t CountNonfinite(const float* x, int64_t n) {
  const D d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t count = 0;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto v = hn::LoadU(d, x + i);
    count += lanes - static_cast<int64_t>(hn::CountTrue(d, hn::IsFinite(v)));
  }
  for (; i < n; ++i) count += std::isfinite(x[i]) ? 0 : 1;
  return count;
}

void WidenBf16(const uint16_t* bits, float* y, int64_t n) {
  const D d;
  const hn::Rebind<uint16_t, D> du16;
  const hn::Rebind<uint32_t, D> du32;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(du32, hn::LoadU(du16, bits + i)))), d, y + i);
  for (; i < n; ++i) y[i] = bf16_to_f32(bits[i]);
}

// Only AVX2 and up have an instruction for this; Highway's emulation elsewhere takes infinity for 65536.
void WidenF16(const uint16_t* bits, float* y, int64_t n) {
  int64_t i = 0;
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  const D d;
  const hn::Rebind<hwy::float16_t, D> df16;
  const hn::Rebind<uint16_t, D> du16;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(hn::PromoteTo(d, hn::BitCast(df16, hn::LoadU(du16, bits + i))), d, y + i);
#endif
  for (; i < n; ++i) y[i] = f16_to_f32(bits[i]);
}

}  // namespace swan::backends::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace swan::backends::kernels {

HWY_EXPORT(Add);
HWY_EXPORT(MultiplyAdd);
HWY_EXPORT(Scale);
HWY_EXPORT(Accumulate);
HWY_EXPORT(Activate);
HWY_EXPORT(GatedActivation);
HWY_EXPORT(CountNonfinite);
HWY_EXPORT(WidenBf16);
HWY_EXPORT(WidenF16);

void add(const float* a, const float* b, float* y, int64_t n) { HWY_DYNAMIC_DISPATCH(Add)(a, b, y, n); }
void multiply_add(const float* a, const float* b, const float* c, float* y, int64_t n) {
  HWY_DYNAMIC_DISPATCH(MultiplyAdd)(a, b, c, y, n);
}
void scale(const float* x, float factor, float* y, int64_t n) { HWY_DYNAMIC_DISPATCH(Scale)(x, factor, y, n); }
void accumulate(const float* x, float factor, float* y, int64_t n) {
  HWY_DYNAMIC_DISPATCH(Accumulate)(x, factor, y, n);
}
void activate(const float* x, float* y, int64_t n, ops::Activation activation) {
  HWY_DYNAMIC_DISPATCH(Activate)(x, y, n, activation);
}
void gated_activation(const float* gate, const float* up, float* y, int64_t n, ops::Activation activation) {
  HWY_DYNAMIC_DISPATCH(GatedActivation)(gate, up, y, n, activation);
}
int64_t count_nonfinite(const float* x, int64_t n) { return HWY_DYNAMIC_DISPATCH(CountNonfinite)(x, n); }

void widen(const uint16_t* bits, DType dtype, float* y, int64_t n) {
  if (dtype == DType::kBF16) {
    HWY_DYNAMIC_DISPATCH(WidenBf16)(bits, y, n);
  } else if (dtype == DType::kF16) {
    HWY_DYNAMIC_DISPATCH(WidenF16)(bits, y, n);
  } else {
    fail(ErrorCode::kUnsupported, "the CPU backend computes with weights of f32, f16 or bf16, not {}.", dtype);
  }
}

}  // namespace swan::backends::kernels
#endif

// Included once per Highway target: no include guard of the usual kind.
#if defined(SWAN_CPU_ACTIVATION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SWAN_CPU_ACTIVATION_INL_H_
#undef SWAN_CPU_ACTIVATION_INL_H_
#else
#define SWAN_CPU_ACTIVATION_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "ops/activation.h"

HWY_BEFORE_NAMESPACE();
namespace swan::backends::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// NaN passes through each of these, as it does in torch. Highway's Exp is only defined up to 104, where
// it is infinite and the sigmoid zero.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V sigmoid(D d, V x) {
  const V one = hn::Set(d, 1.0F);
  return hn::Div(one, hn::Add(one, hn::Exp(d, hn::Min(hn::Neg(x), hn::Set(d, 104.0F)))));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V silu(D d, V x) {
  return hn::Mul(x, sigmoid(d, x));
}

// 0.5 x (1 + tanh(u)) = x sigmoid(2u), which needs one exponential and loses no digits where tanh(u) is near -1.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V gelu_tanh(D d, V x) {
  const V c = hn::Set(d, 2.0F * 0.7978845608028654F);
  const V cube = hn::Mul(hn::Mul(x, x), hn::Mul(x, hn::Set(d, 0.044715F)));
  return hn::Mul(x, sigmoid(d, hn::Mul(c, hn::Add(x, cube))));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V relu(D d, V x) {
  return hn::IfThenZeroElse(hn::Lt(x, hn::Zero(d)), x);
}

template <ops::Activation A, class D, class V = hn::Vec<D>>
HWY_INLINE V apply(D d, V x) {
  if constexpr (A == ops::Activation::kRelu) return relu(d, x);
  if constexpr (A == ops::Activation::kSilu) return silu(d, x);
  if constexpr (A == ops::Activation::kGeluTanh) return gelu_tanh(d, x);
  return x;
}

}  // namespace swan::backends::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

#include "cpu/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "cpu/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/kernels/attention.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "cpu/kernels/activation-inl.h"

HWY_BEFORE_NAMESPACE();
namespace swan::backends::kernels::HWY_NAMESPACE {

using D = hn::ScalableTag<float>;

// tanh(x) = sign(x) (1 - e) / (1 + e) with e = exp(-2|x|): as exact as 1 - e is, which for small |x| loses digits, so
// there the odd polynomial takes over.
template <class V>
HWY_INLINE V Tanh(D d, V x) {
  const V magnitude = hn::Abs(x);
  const V one = hn::Set(d, 1.0F);
  const V e = hn::Exp(d, hn::Mul(hn::Set(d, -2.0F), magnitude));
  const V large = hn::Div(hn::Sub(one, e), hn::Add(one, e));
  const V s = hn::Mul(x, x);
  V p = hn::Set(d, 62.0F / 2835.0F);
  p = hn::MulAdd(p, s, hn::Set(d, -17.0F / 315.0F));
  p = hn::MulAdd(p, s, hn::Set(d, 2.0F / 15.0F));
  p = hn::MulAdd(p, s, hn::Set(d, -1.0F / 3.0F));
  const V small = hn::MulAdd(hn::Mul(p, s), magnitude, magnitude);
  const V y = hn::CopySign(hn::IfThenElse(hn::Lt(magnitude, hn::Set(d, 0.18F)), small, large), x);
  return hn::IfThenElse(hn::IsNaN(x), x, y);  // Highway's Exp turns NaN into a number
}

template <class V>
HWY_INLINE V Score(D d, V s, V scale, float cap) {
  s = hn::Mul(s, scale);
  if (cap > 0) s = hn::Mul(Tanh<V>(d, hn::Div(s, hn::Set(d, cap))), hn::Set(d, cap));
  return s;
}

void SoftmaxRow(float* scores, const float* head_bias, const float* bias, int64_t n, float scale_value, float cap) {
  const D d;
  using V = hn::Vec<D>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const V scale = hn::Set(d, scale_value);
  HWY_ALIGN float tail[HWY_MAX_BYTES / sizeof(float)] = {};
  const int64_t whole = n / lanes * lanes;
  const auto rest = static_cast<size_t>(n - whole) * sizeof(float);

  V top = hn::Set(d, -std::numeric_limits<float>::infinity());
  for (int64_t i = 0; i < whole; i += lanes) {
    V s = Score<V>(d, hn::LoadU(d, scores + i), scale, cap);
    if (head_bias != nullptr) s = hn::Add(s, hn::LoadU(d, head_bias + i));
    if (bias != nullptr) s = hn::Add(s, hn::LoadU(d, bias + i));
    hn::StoreU(s, d, scores + i);
    top = hn::Max(top, s);
  }
  float max = hn::GetLane(hn::MaxOfLanes(d, top));
  if (rest > 0) {
    std::memcpy(tail, scores + whole, rest);
    hn::Store(Score<V>(d, hn::Load(d, tail), scale, cap), d, tail);
    for (int64_t i = whole; i < n; ++i) {
      scores[i] = tail[i - whole] + (head_bias != nullptr ? head_bias[i] : 0.0F);
      if (bias != nullptr) scores[i] += bias[i];
      max = std::max(max, scores[i]);
    }
  }

  // Highway's Exp turns NaN into a number; a NaN score must stay one.
  const V m = hn::Set(d, max);
  V total = hn::Zero(d);
  for (int64_t i = 0; i < whole; i += lanes) {
    const V s = hn::Sub(hn::LoadU(d, scores + i), m);
    const V p = hn::IfThenElse(hn::IsNaN(s), s, hn::Exp(d, s));
    hn::StoreU(p, d, scores + i);
    total = hn::Add(total, p);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, total));
  for (int64_t i = whole; i < n; ++i) {
    scores[i] = std::exp(scores[i] - max);
    sum += scores[i];
  }
  const float inverse = 1.0F / sum;
  const V f = hn::Set(d, inverse);
  for (int64_t i = 0; i < whole; i += lanes) hn::StoreU(hn::Mul(f, hn::LoadU(d, scores + i)), d, scores + i);
  for (int64_t i = whole; i < n; ++i) scores[i] *= inverse;
}

// state[i][j] = sum over tokens of relu(k)[i] v[j], and state[dim][i] = sum of relu(k)[i]. Eight rows of the state stay
// in registers while the tokens go by; partial sums over runs of tokens keep the rounding error of long sums down.
void AccumulateState(const float* k, const float* v, float* state, const LinearAttentionHead& h) {
  const D d;
  using V = hn::Vec<D>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  constexpr int64_t kRows = 8;
  constexpr int64_t kRun = 512;
  std::fill_n(state, (h.dim + 1) * h.dim, 0.0F);
  const auto relu_of = [](float x) { return x < 0.0F ? 0.0F : x; };
  for (int64_t t0 = 0; t0 < h.tokens; t0 += kRun) {
    const int64_t t1 = std::min(h.tokens, t0 + kRun);
    for (int64_t i0 = 0; i0 < h.dim; i0 += kRows) {
      const int64_t rows = std::min(kRows, h.dim - i0);
      int64_t j = 0;
      for (; j + lanes <= h.dim; j += lanes) {
        if (rows == kRows) {
          V s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
          for (int64_t t = t0; t < t1; ++t) {
            const float* pk = k + t * h.in_stride + i0;
            const V value = hn::LoadU(d, v + t * h.in_stride + j);
            s0 = hn::MulAdd(hn::Set(d, relu_of(pk[0])), value, s0);
            s1 = hn::MulAdd(hn::Set(d, relu_of(pk[1])), value, s1);
            s2 = hn::MulAdd(hn::Set(d, relu_of(pk[2])), value, s2);
            s3 = hn::MulAdd(hn::Set(d, relu_of(pk[3])), value, s3);
            s4 = hn::MulAdd(hn::Set(d, relu_of(pk[4])), value, s4);
            s5 = hn::MulAdd(hn::Set(d, relu_of(pk[5])), value, s5);
            s6 = hn::MulAdd(hn::Set(d, relu_of(pk[6])), value, s6);
            s7 = hn::MulAdd(hn::Set(d, relu_of(pk[7])), value, s7);
          }
          float* p = state + i0 * h.dim + j;
          const auto add_to = [&](V s, int64_t row) HWY_ATTR {
            hn::StoreU(hn::Add(hn::LoadU(d, p + row * h.dim), s), d, p + row * h.dim);
          };
          add_to(s0, 0), add_to(s1, 1), add_to(s2, 2), add_to(s3, 3);
          add_to(s4, 4), add_to(s5, 5), add_to(s6, 6), add_to(s7, 7);
        } else {
          for (int64_t i = i0; i < i0 + rows; ++i) {
            V s = hn::Zero(d);
            for (int64_t t = t0; t < t1; ++t)
              s = hn::MulAdd(hn::Set(d, relu_of(k[t * h.in_stride + i])), hn::LoadU(d, v + t * h.in_stride + j), s);
            hn::StoreU(hn::Add(hn::LoadU(d, state + i * h.dim + j), s), d, state + i * h.dim + j);
          }
        }
      }
      for (; j < h.dim; ++j) {
        for (int64_t i = i0; i < i0 + rows; ++i) {
          float s = 0;
          for (int64_t t = t0; t < t1; ++t) s += relu_of(k[t * h.in_stride + i]) * v[t * h.in_stride + j];
          state[i * h.dim + j] += s;
        }
      }
    }
    for (int64_t i = 0; i < h.dim; ++i) {
      float s = 0;
      for (int64_t t = t0; t < t1; ++t) s += relu_of(k[t * h.in_stride + i]);
      state[h.dim * h.dim + i] += s;
    }
  }
}

void ApplyState(const float* q, const float* state, float* y, const LinearAttentionHead& h) {
  const D d;
  using V = hn::Vec<D>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto relu_of = [](float x) { return x < 0.0F ? 0.0F : x; };
  const float* sums = state + h.dim * h.dim;
  for (int64_t t = 0; t < h.tokens; ++t) {
    const float* pq = q + t * h.in_stride;
    float* py = y + t * h.out_stride;
    float denominator = 0;
    for (int64_t i = 0; i < h.dim; ++i) denominator += relu_of(pq[i]) * sums[i];
    const float inverse = 1.0F / (denominator + h.eps);
    const V f = hn::Set(d, inverse);
    int64_t j = 0;
    for (; j + 2 * lanes <= h.dim; j += 2 * lanes) {
      V a0 = hn::Zero(d), a1 = a0, b0 = a0, b1 = a0;
      int64_t i = 0;
      for (; i + 2 <= h.dim; i += 2) {
        const V q0 = hn::Set(d, relu_of(pq[i])), q1 = hn::Set(d, relu_of(pq[i + 1]));
        const float* p = state + i * h.dim + j;
        a0 = hn::MulAdd(q0, hn::LoadU(d, p), a0);
        b0 = hn::MulAdd(q0, hn::LoadU(d, p + lanes), b0);
        a1 = hn::MulAdd(q1, hn::LoadU(d, p + h.dim), a1);
        b1 = hn::MulAdd(q1, hn::LoadU(d, p + h.dim + lanes), b1);
      }
      for (; i < h.dim; ++i) {
        const V q0 = hn::Set(d, relu_of(pq[i]));
        a0 = hn::MulAdd(q0, hn::LoadU(d, state + i * h.dim + j), a0);
        b0 = hn::MulAdd(q0, hn::LoadU(d, state + i * h.dim + j + lanes), b0);
      }
      hn::StoreU(hn::Mul(hn::Add(a0, a1), f), d, py + j);
      hn::StoreU(hn::Mul(hn::Add(b0, b1), f), d, py + j + lanes);
    }
    for (; j + lanes <= h.dim; j += lanes) {
      V a = hn::Zero(d);
      for (int64_t i = 0; i < h.dim; ++i)
        a = hn::MulAdd(hn::Set(d, relu_of(pq[i])), hn::LoadU(d, state + i * h.dim + j), a);
      hn::StoreU(hn::Mul(a, f), d, py + j);
    }
    for (; j < h.dim; ++j) {
      float a = 0;
      for (int64_t i = 0; i < h.dim; ++i) a += relu_of(pq[i]) * state[i * h.dim + j];
      py[j] = a * inverse;
    }
  }
}

void LinearAttentionHeadImpl(const float* q, const float* k, const float* v, float* y, float* state,
                             const LinearAttentionHead& h) {
  AccumulateState(k, v, state, h);
  ApplyState(q, state, y, h);
}

void RopeRow(const float* x, const float* cos, const float* sin, float* y, int64_t half) {
  const D d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= half; i += lanes) {
    const auto a = hn::LoadU(d, x + i), b = hn::LoadU(d, x + half + i);
    const auto c = hn::LoadU(d, cos + i), s = hn::LoadU(d, sin + i);
    hn::StoreU(hn::Sub(hn::Mul(a, c), hn::Mul(b, s)), d, y + i);
    hn::StoreU(hn::Add(hn::Mul(b, c), hn::Mul(a, s)), d, y + half + i);
  }
  for (; i < half; ++i) {
    const float a = x[i], b = x[half + i];
    y[i] = a * cos[i] - b * sin[i];
    y[half + i] = b * cos[i] + a * sin[i];
  }
}

// LoadInterleaved2 splits pairs into a vector of firsts and one of seconds.
void RopeInterleavedRow(const float* x, const float* cos, const float* sin, float* y, int64_t half) {
  const D d;
  using V = hn::Vec<D>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= half; i += lanes) {
    V a, b;
    hn::LoadInterleaved2(d, x + 2 * i, a, b);
    const V c = hn::LoadU(d, cos + i), s = hn::LoadU(d, sin + i);
    hn::StoreInterleaved2(hn::Sub(hn::Mul(a, c), hn::Mul(b, s)), hn::Add(hn::Mul(a, s), hn::Mul(b, c)), d, y + 2 * i);
  }
  for (; i < half; ++i) {
    const float a = x[2 * i], b = x[2 * i + 1];
    y[2 * i] = a * cos[i] - b * sin[i];
    y[2 * i + 1] = a * sin[i] + b * cos[i];
  }
}

}  // namespace swan::backends::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace swan::backends::kernels {

HWY_EXPORT(SoftmaxRow);
HWY_EXPORT(LinearAttentionHeadImpl);
HWY_EXPORT(RopeRow);
HWY_EXPORT(RopeInterleavedRow);

void softmax_row(float* scores, const float* head_bias, const float* bias, int64_t n, float scale, float cap) {
  HWY_DYNAMIC_DISPATCH(SoftmaxRow)(scores, head_bias, bias, n, scale, cap);
}
void relu_linear_attention_head(const float* q, const float* k, const float* v, float* y, float* state,
                                const LinearAttentionHead& head) {
  HWY_DYNAMIC_DISPATCH(LinearAttentionHeadImpl)(q, k, v, y, state, head);
}
void rope_rotate_half_row(const float* x, const float* cos, const float* sin, float* y, int64_t half) {
  HWY_DYNAMIC_DISPATCH(RopeRow)(x, cos, sin, y, half);
}

void rope_interleaved_row(const float* x, const float* cos, const float* sin, float* y, int64_t half) {
  HWY_DYNAMIC_DISPATCH(RopeInterleavedRow)(x, cos, sin, y, half);
}

}  // namespace swan::backends::kernels
#endif

#include "cuda/entries.h"
#include "cuda/launch.cuh"

namespace swan::backends::cuda {

namespace {

// Index i counts vectors of N values of x [B, L, H D]; cos and sin are [L, half], half = D / 2.
template <typename T, int N>
struct Rope {
  const T* x;
  const float* cos;
  const float* sin;
  Divisor row, tokens, head;  // vectors a row, tokens a sample, vectors a head
  int half;

  // Where a vector lies: the table's row that is its token's, and its first channel within its head.
  struct Place {
    int64_t table;
    int channel;
  };
  [[nodiscard]] __device__ __forceinline__ Place place(int64_t i) const {
    const auto in_row = row.divide(i);
    return {tokens.divide(in_row.quotient).remainder * half,
            static_cast<int>(head.divide(in_row.remainder).remainder) * N};
  }
};

template <typename T, int N>
struct RotateHalf : Rope<T, N> {
  __device__ __forceinline__ void operator()(int64_t i, float (&y)[N]) const {
    auto [table, channel] = this->place(i);
    const bool second = channel >= this->half;
    if (second) channel -= this->half;
    float partner[N], c[N], s[N];
    load<N>(this->x + i * N, y);
    load<N>(this->x + i * N + (second ? -this->half : this->half), partner);
    load<N>(this->cos + table + channel, c);
    load<N>(this->sin + table + channel, s);
#pragma unroll
    for (int k = 0; k < N; ++k) y[k] = second ? y[k] * c[k] + partner[k] * s[k] : y[k] * c[k] - partner[k] * s[k];
  }
};

template <typename T, int N>
struct Interleaved : Rope<T, N> {
  __device__ __forceinline__ void operator()(int64_t i, float (&y)[N]) const {
    const auto [table, channel] = this->place(i);
    const int64_t at = table + channel / 2;
    if constexpr (N == 1) {
      const float own = to_float(this->x[i]), c = this->cos[at], s = this->sin[at];
      y[0] = channel % 2 == 0 ? own * c - to_float(this->x[i + 1]) * s : to_float(this->x[i - 1]) * s + own * c;
    } else {
      float x[N], c[N / 2], s[N / 2];
      load<N>(this->x + i * N, x);
      load<N / 2>(this->cos + at, c);
      load<N / 2>(this->sin + at, s);
#pragma unroll
      for (int k = 0; k < N / 2; ++k) {
        y[2 * k] = x[2 * k] * c[k] - x[2 * k + 1] * s[k];
        y[2 * k + 1] = x[2 * k] * s[k] + x[2 * k + 1] * c[k];
      }
    }
  }
};

// kSpan: a vector must not leave 2 half / kSpan values, which share a part of the formula.
template <template <typename, int> typename Fn, int kSpan>
Tensor rotate(const char* name, const Tensor& x, const Tensor& cos, const Tensor& sin) {
  const Tensor source = on_device(x), c = on_device(cos, DType::kF32), s = on_device(sin, DType::kF32);
  Tensor y = empty(source.shape(), source.dtype());
  if (y.numel() == 0) return y;
  const int64_t half = c.dim(1);
  dispatch_floating(y.dtype(), [&]<typename T>() {
    const bool wide = 2 * half / kSpan % kWidth<T> == 0 && aligned(source.raw(), c.raw(), s.raw());
    dispatch_width<T>(wide, [&]<int N>() {
      Fn<T, N> fn{{values<T>(source), values<float>(c), values<float>(s), Divisor(y.dim(2) / N), Divisor(y.dim(1)),
                   Divisor(2 * half / N), static_cast<int>(half)}};
      map<T, N>(name, y, fn);
    });
  });
  return y;
}

}  // namespace

Tensor rope_rotate_half(const Tensor& x, const Tensor& cos, const Tensor& sin) {
  return rotate<RotateHalf, 2>("rope_rotate_half", x, cos, sin);
}

Tensor rope_interleaved(const Tensor& x, const Tensor& cos, const Tensor& sin) {
  return rotate<Interleaved, 1>("rope_interleaved", x, cos, sin);
}

}  // namespace swan::backends::cuda

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "core/parallel.h"
#include "reference/functions.h"

namespace swan::backends::reference {

double apply(ops::Activation activation, double x) {
  switch (activation) {
    case ops::Activation::kNone:
      return x;
    case ops::Activation::kRelu:
      return x < 0 ? 0 : x;  // not max(x, 0), which may lose NaN
    case ops::Activation::kSilu:
      return x / (1 + std::exp(-x));
    case ops::Activation::kGeluTanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
  }
  return NAN;
}

namespace {

// A tensor of f32 values fn(0), fn(1), ...
template <typename Fn>
Tensor generate(const Shape& shape, const Fn& fn) {
  Tensor y = Tensor::empty(shape, DType::kF32);
  auto* py = y.data_mut<float>();
  parallel_ranges(shape.numel(), 4096, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) py[i] = static_cast<float>(fn(i));
  });
  return y;
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  const auto* pa = a.data<float>();
  const auto* pb = b.data<float>();
  const int64_t period = std::max<int64_t>(b.numel(), 1);
  return generate(a.shape(), [&](int64_t i) { return static_cast<double>(pa[i]) + pb[i % period]; });
}

Tensor add_gated(const Tensor& x, const Tensor& gate, const Tensor& y) {
  const int64_t tokens = x.dim(1), channels = x.dim(2);
  const auto* px = x.data<float>();
  const auto* pg = gate.data<float>();
  const auto* py = y.data<float>();
  return generate(x.shape(), [&](int64_t i) {
    const int64_t batch = i / channels / tokens;
    return px[i] + static_cast<double>(pg[batch * channels + i % channels]) * py[i];
  });
}

Tensor activate(const Tensor& x, ops::Activation activation) {
  const auto* px = x.data<float>();
  return generate(x.shape(), [&](int64_t i) { return apply(activation, px[i]); });
}

Tensor gated_activation(const Tensor& gate, const Tensor& up, ops::Activation activation) {
  const auto* pg = gate.data<float>();
  const auto* pu = up.data<float>();
  return generate(gate.shape(), [&](int64_t i) { return apply(activation, pg[i]) * pu[i]; });
}

Tensor clamp(const Tensor& x, float least, float most) {
  const auto* px = x.data<float>();
  return generate(x.shape(), [&](int64_t i) { return px[i] < least ? least : px[i] > most ? most : px[i]; });
}

Tensor linear_combination(std::span<const float> coefficients, std::span<const Tensor> tensors) {
  return generate(tensors[0].shape(), [&](int64_t i) {
    double sum = 0;
    for (size_t t = 0; t < tensors.size(); ++t)
      sum += static_cast<double>(coefficients[t]) * tensors[t].data<float>()[i];
    return sum;
  });
}

Tensor count_nonfinite(const Tensor& x) {
  const auto* px = x.data<float>();
  std::array<int32_t, 1> count = {0};
  for (int64_t i = 0; i < x.numel(); ++i) count[0] += std::isfinite(px[i]) ? 0 : 1;
  return Tensor::from(std::span<const int32_t>(count), {1});
}

}  // namespace swan::backends::reference

#include "ops/quantized.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/convert.h"
#include "core/parallel.h"
#include "reference/functions.h"

namespace swan::backends::reference {

// The arithmetic that ops/quantized.h defines, in f32 as it stands there: devices give the same bits.
ops::QuantizedRows quantize_rows(const Tensor& x, ops::Activation activation) {
  const int64_t length = x.dim(-1), rows = x.numel() / length;
  ops::QuantizedRows y = {.values = Tensor::empty(x.shape(), DType::kF8E4M3),
                          .scales = Tensor::empty({rows}, DType::kF32)};
  const auto* px = x.data<float>();
  auto* values = static_cast<uint8_t*>(y.values.raw_mut());
  auto* scales = y.scales.data_mut<float>();
  parallel_for(rows, [&](int64_t r) {
    std::vector<float> row(px + r * length, px + (r + 1) * length);
    float largest = ops::kF8LeastMagnitude;
    for (float& v : row) {
      v = static_cast<float>(apply(activation, v));
      if (std::abs(v) > largest) largest = std::abs(v);  // never of NaN
    }
    scales[r] = largest / ops::kF8Largest;
    const float inverse = 1 / scales[r];
    for (int64_t i = 0; i < length; ++i) values[r * length + i] = f32_to_f8_e4m3(row[static_cast<size_t>(i)] * inverse);
  });
  return y;
}

ops::QuantizedRows quantize_weight(const Tensor& weight) {
  return quantize_rows(weight.to(DType::kF32), ops::Activation::kNone);
}

ops::QuantizedRows layer_norm_quantized(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps) {
  return quantize_rows(layer_norm(x, weight, bias, eps), ops::Activation::kNone);
}

ops::QuantizedRows layer_norm_modulate_quantized(const Tensor& x, const Tensor& scale, const Tensor& shift, float eps) {
  return quantize_rows(layer_norm_modulate(x, scale, shift, eps), ops::Activation::kNone);
}

Tensor linear_f8(const ops::QuantizedRows& x, const ops::QuantizedRows& weight, const Tensor& bias,
                 ops::Activation activation, DType dtype) {
  const int64_t in = weight.values.dim(1), out = weight.values.dim(0);
  std::vector<int64_t> dims(x.values.shape().dims().begin(), x.values.shape().dims().end());
  dims.back() = out;
  Tensor y = Tensor::empty(Shape(dims), DType::kF32);
  const Tensor left = x.values.to(DType::kF32), right = weight.values.to(DType::kF32);
  const auto* pl = left.data<float>();
  const auto* pr = right.data<float>();
  auto* py = y.data_mut<float>();
  parallel_for(x.scales.numel(), [&](int64_t r) {
    for (int64_t o = 0; o < out; ++o) {
      double sum = 0;
      for (int64_t i = 0; i < in; ++i) sum += static_cast<double>(pl[r * in + i]) * pr[o * in + i];
      sum *= static_cast<double>(x.scales.data<float>()[r]) * weight.scales.data<float>()[o];
      if (bias.defined()) sum += bias.data<float>()[o];
      py[r * out + o] = static_cast<float>(apply(activation, sum));
    }
  });
  return y.to(dtype);
}

ops::QuantizedRows linear_f8_quantized(const ops::QuantizedRows& x, const ops::QuantizedRows& weight,
                                       const Tensor& bias, ops::Activation activation, DType dtype) {
  return quantize_rows(linear_f8(x, weight, bias, activation, dtype), ops::Activation::kNone);
}

}  // namespace swan::backends::reference

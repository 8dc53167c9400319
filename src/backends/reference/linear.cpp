#include <vector>

#include "core/parallel.h"
#include "reference/functions.h"

namespace swan::backends::reference {

Tensor linear(const Tensor& x, const ops::LinearWeight& w, ops::Activation activation) {
  const int64_t in = w.in_features();
  const int64_t out = w.out_features();
  const int64_t rows = x.numel() / in;
  std::vector<int64_t> dims(x.shape().dims().begin(), x.shape().dims().end());
  dims.back() = out;

  Tensor weight = w.weight;
  if (w.blocks.defined()) {
    weight = Tensor::empty({out, in}, DType::kF32);
    w.blocks.widen(0, out, weight.data_mut<float>());
  }
  weight = weight.to(DType::kF32);
  Tensor y = Tensor::empty(Shape(dims), DType::kF32);
  const auto* px = x.data<float>();
  const auto* pw = weight.data<float>();
  const float* bias = w.bias.defined() ? w.bias.data<float>() : nullptr;
  auto* py = y.data_mut<float>();
  parallel_for(rows, [&](int64_t r) {
    for (int64_t o = 0; o < out; ++o) {
      double sum = 0;
      for (int64_t i = 0; i < in; ++i) sum += static_cast<double>(px[r * in + i]) * pw[o * in + i];
      if (bias != nullptr) sum += bias[o];
      py[r * out + o] = static_cast<float>(apply(activation, sum));
    }
  });
  return y;
}

}  // namespace swan::backends::reference

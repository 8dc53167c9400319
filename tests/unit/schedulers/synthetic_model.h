#pragma once

#include <cmath>

#include "swan/tensor.h"

namespace swan::schedulers {

/// The network of tests/golden/README.md: v(x, t) = tanh(0.7 x) + 0.1 t / 1000.
inline Tensor synthetic_model(const Tensor& x, float timestep) {
  Tensor v = Tensor::empty(x.shape(), DType::kF32);
  const auto constant = static_cast<float>(0.1 * static_cast<double>(timestep) / 1000);
  for (int64_t i = 0; i < x.numel(); ++i) v.data_mut<float>()[i] = std::tanh(0.7F * x.data<float>()[i]) + constant;
  return v;
}

}  // namespace swan::schedulers

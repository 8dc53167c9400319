#include <cmath>

#include "reference/functions.h"

namespace swan::backends::reference {

Tensor embedding(const Tensor& ids, const Tensor& table, float scale, DType /*f32*/) {
  const int64_t channels = table.dim(1);
  Tensor y = Tensor::empty({ids.dim(0), ids.dim(1), channels}, DType::kF32);
  auto* py = y.data_mut<float>();
  for (int64_t i = 0; i < ids.numel(); ++i) {
    const int64_t row = ids.data<int32_t>()[i];
    const Tensor values = table.slice(row, row + 1).to(DType::kF32);  // one row: tables are large
    for (int64_t c = 0; c < channels; ++c) py[i * channels + c] = values.data<float>()[c] * scale;
  }
  return y;
}

Tensor timestep_embedding(const Tensor& timesteps, int64_t dim) {
  const int64_t half = dim / 2;
  Tensor y = Tensor::empty({timesteps.dim(0), dim}, DType::kF32);
  auto* py = y.data_mut<float>();
  for (int64_t i = 0; i < y.numel(); ++i) {
    const double t = timesteps.data<float>()[i / dim], index = static_cast<double>(i % dim % half);
    const double angle = t * std::pow(10000.0, -index / static_cast<double>(half));
    py[i] = static_cast<float>(i % dim < half ? std::cos(angle) : std::sin(angle));
  }
  return y;
}

}  // namespace swan::backends::reference

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
  Tensor out = Tensor::empty({timesteps.dim(0), dim}, DType::kF32);
  auto* y = out.data_mut<float>();
  for (int64_t b = 0; b < timesteps.dim(0); ++b) {
    for (int64_t i = 0; i < half; ++i) {
      const float frequency = std::exp(-std::log(10000.0F) * static_cast<float>(i) / static_cast<float>(half));
      const float angle = timesteps.data<float>()[b] * frequency;
      y[b * dim + i] = std::cos(angle);
      y[b * dim + half + i] = std::sin(angle);
    }
  }
  return out;
}

}  // namespace swan::backends::reference

#include "ops/embedding.h"

#include <cmath>

#include "core/parallel.h"
#include "cpu/entries.h"
#include "cpu/kernels/elementwise.h"

namespace swan::backends {

Tensor embedding(const Tensor& ids, const Tensor& table, float scale, DType /*f32*/) {
  const int64_t channels = table.dim(1);
  const int64_t tokens = ids.numel();
  Tensor out = Tensor::empty({ids.dim(0), ids.dim(1), channels}, DType::kF32);
  const auto* pi = ids.data<int32_t>();
  auto* py = out.data_mut<float>();
  parallel_ranges(tokens, 16, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      float* y = py + t * channels;
      if (table.dtype() == DType::kF32) {
        kernels::scale(table.data<float>() + pi[t] * channels, scale, y, channels);
      } else {
        kernels::widen(static_cast<const uint16_t*>(table.raw()) + pi[t] * channels, table.dtype(), y, channels);
        kernels::scale(y, scale, y, channels);
      }
    }
  });
  return out;
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

}  // namespace swan::backends

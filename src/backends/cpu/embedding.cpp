#include "ops/embedding.h"

#include "core/parallel.h"
#include "cpu/entries.h"
#include "cpu/kernels/elementwise.h"

namespace swan::backends {

Tensor embedding(const Tensor& ids, const Tensor& table, float scale) {
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

}  // namespace swan::backends

#include "ops/embedding.h"

#include <cmath>

#include "ops/dispatch.h"

namespace swan::ops {

Tensor embedding(const Tensor& ids, const Tensor& table, float scale, Context& ctx) {
  check_dtype("embedding", "ids", ids, DType::kI32);
  check_weight_dtype("embedding", "table", table);
  check_rank("embedding", "ids", ids, 2);
  check_rank("embedding", "table", table, 2);
  const auto* values = ids.data<int32_t>();
  for (int64_t i = 0; i < ids.numel(); ++i)
    if (values[i] < 0 || values[i] >= table.dim(0))
      fail(ErrorCode::kInvalidArgument,
           "embedding: token id {} is not in a table of {} rows; the tokenizer and the text encoder do not belong "
           "together.",
           values[i], table.dim(0));
  return entry(&KernelTable::embedding, "embedding", ctx)(ids, table, scale);
}

Tensor timestep_embedding(const Tensor& timesteps, int64_t dim) {
  check_dtype("timestep_embedding", "timesteps", timesteps, DType::kF32);
  check_rank("timestep_embedding", "timesteps", timesteps, 1);
  if (dim < 2 || dim % 2 != 0)
    fail(ErrorCode::kInvalidArgument, "timestep_embedding: dimension {} is not even and positive.", dim);
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

}  // namespace swan::ops

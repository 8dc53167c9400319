#include "ops/embedding.h"

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
  return entry(&KernelTable::embedding, "embedding", ctx)(ids, table, scale, ctx.dtype());
}

Tensor timestep_embedding(const Tensor& timesteps, int64_t dim, Context& ctx) {
  check_dtype("timestep_embedding", "timesteps", timesteps, DType::kF32);
  check_rank("timestep_embedding", "timesteps", timesteps, 1);
  if (dim < 2 || dim % 2 != 0)
    fail(ErrorCode::kInvalidArgument, "timestep_embedding: dimension {} is not even and positive.", dim);
  return entry(&KernelTable::timestep_embedding, "timestep_embedding", ctx)(timesteps, dim);
}

}  // namespace swan::ops

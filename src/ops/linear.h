#pragma once

#include <memory>

#include "core/block_matrix.h"
#include "core/context.h"
#include "ops/activation.h"
#include "swan/tensor.h"

namespace swan::ops {

/// The parameters of a linear layer in torch's layout.
struct LinearWeight {
  Tensor weight;            ///< [N, K], f32 | f16 | bf16; used in place, wherever it is mapped
  Tensor bias = {};         ///< [N] f32, or undefined
  BlockMatrix blocks = {};  ///< instead of weight, on the host: [N, K], computed with in f32
  [[nodiscard]] int64_t out_features() const { return blocks.defined() ? blocks.rows() : weight.dim(0); }
  [[nodiscard]] int64_t in_features() const { return blocks.defined() ? blocks.columns() : weight.dim(1); }
};

/// y = activation(x W^T + b), accumulated in f32.
/// @param x  [..., K] f32
/// @return   [..., N] f32
/// @throws Error kShapeMismatch naming both shapes, kInvalidArgument on dtype
/// Ref: torch.nn.Linear
[[nodiscard]] Tensor linear(const Tensor& x, const LinearWeight& w, Activation activation, Context& ctx);

}  // namespace swan::ops

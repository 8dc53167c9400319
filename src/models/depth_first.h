#pragma once

#include <functional>
#include <span>

#include "core/context.h"
#include "swan/tensor.h"

namespace swan::models {

/// One of a chain of computations on pictures, each of which looks only a few rows around.
struct RowStep {
  int64_t halo;       ///< input rows above and below that a row's result depends on
  int64_t scale = 1;  ///< output rows for each input row, and columns for each column
  int64_t channels;   ///< of the result
  /// [1, h, W, C] to [1, h * scale, W * scale, channels], zero-padded at the slice's edges; may write over what it is
  /// given for good (Tensor::unique).
  std::function<Tensor(Tensor)> fn;
};

/// Computes a chain on one part of the rows after the other, each through all steps, so that no intermediate is ever
/// there whole: what the steps give one after the other, with tensors the size of a part. Each part is computed with
/// the rows around it that its result depends on; rows at the borders of parts are so computed twice. Parts follow from
/// the shapes alone, and all have the same height at a step, the last overlapping the one before, since a backend
/// prepares for a shape.
/// @param x           [B, H, W, C]
/// @param steps       at least one
/// @param part_bytes  that a step's result for a part may have, were it f32; a part has a few rows at least
/// @return            [B, H * s, W * s, channels of the last step], s the product of the scales
/// @throws Error kCancelled between steps
[[nodiscard]] Tensor depth_first(const Tensor& x, std::span<const RowStep> steps, int64_t part_bytes, Context& ctx);

}  // namespace swan::models

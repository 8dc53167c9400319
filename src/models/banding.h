#pragma once

#include <functional>

#include "core/context.h"
#include "swan/tensor.h"

namespace swan::models {

/// How a computation that looks only a few rows around may be cut into bands of rows.
struct Band {
  int64_t halo;       ///< input rows above and below that a row's result depends on
  int64_t scale = 1;  ///< output rows for each input row
  int64_t row_bytes;  ///< of the widest intermediate, for each input row
};

/// Computes fn on bands of rows, each with its halo, and puts the results together: what fn of the whole would give,
/// but with intermediates the size of a band. The bands follow from the shape alone. While taps are recorded fn gets
/// the whole.
/// @param x   [B, H, W, C] f32; moved in and of the result's shape, its memory becomes the result's
/// @param fn  [1, h, W, C] to [1, h * scale, W', C'], zero-padded at the slice's edges
/// @return    [B, H * scale, W', C'] f32
/// @throws Error kCancelled between bands
[[nodiscard]] Tensor banded(Tensor x, const Band& band, const std::function<Tensor(const Tensor&)>& fn, Context& ctx);

}  // namespace swan::models

#pragma once

#include "core/context.h"
#include "swan/tensor.h"

namespace swan::ops {

// What is done to decoded pictures, [B, C, H, W], on their way out.

/// 8-bit RGB: clamp(x / 2 + 0.5, 0, 1) * 255 in f32, rounded half to even; NaN becomes 0.
/// @param x  [B, 3, H, W] f32, about [-1, 1]
/// @return   [B, H, W, 3] u8
/// @throws Error kShapeMismatch when there are not 3 channels
/// Ref: diffusers VaeImageProcessor.postprocess
[[nodiscard]] Tensor pack_rgb(const Tensor& x, Context& ctx);

/// Where the neighbour of a tile is.
enum class Neighbour { kAbove, kLeft };

/// A tile whose first rows (columns) fade from the last ones of its neighbour above (to the left). Of n = extent, but
/// no more than either has, number i becomes neighbour[i - n] * (1 - i / n) + tile[i] * (i / n), as far across as both
/// go; the rest stays.
/// @param neighbour  [B, C, h, w] f32;  @param tile  [B, C, H, W] f32
/// @return           [B, C, H, W] f32
/// @throws Error kShapeMismatch when batch or channels differ
/// Ref: diffusers autoencoder_dc.py, blend_v and blend_h
[[nodiscard]] Tensor fade_in(const Tensor& neighbour, const Tensor& tile, Neighbour where, int64_t extent,
                             Context& ctx);

}  // namespace swan::ops

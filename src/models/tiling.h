#pragma once

#include <functional>

#include "core/context.h"
#include "swan/tensor.h"

namespace swan::models {

/// How a picture is cut into overlapping tiles, in pixels, as diffusers' enable_tiling has it: a tile every stride, of
/// at most the minimum size; neighbours overlap by the difference, over which they are blended.
struct Tiling {
  int64_t tile_sample_min_height = 512, tile_sample_min_width = 512;
  int64_t tile_sample_stride_height = 448, tile_sample_stride_width = 448;
};

/// One direction's worth of a walk over tiles: sizes in the input's and the output's units.
struct TileAxis {
  int64_t in_min, in_stride;    ///< input extent of a tile and the step between tiles
  int64_t out_min, out_stride;  ///< the same for the output
};

/// Rows and columns of a walk.
struct TileAxes {
  TileAxis rows, columns;
  /// Whether x [.., H, W] is larger than a tile.
  [[nodiscard]] bool needed_for(const Tensor& x) const { return x.dim(-2) > rows.in_min || x.dim(-1) > columns.in_min; }
};
/// From latents, `ratio` pixels a side each, to pixels, and back.
[[nodiscard]] TileAxes decoding_axes(const Tiling& tiling, int64_t ratio);
[[nodiscard]] TileAxes encoding_axes(const Tiling& tiling, int64_t ratio);

/// Computes fn on overlapping tiles of x and blends the results linearly, first with the tile above, then with the one
/// to the left, both already blended, where fn made them; keeps two rows of tiles at a time.
/// @param x   [B, C, H, W];  @param fn  a tile [B, C, h, w] f32 to [B, C', h', w'], on the context's device
/// @return    [B, C', H', W'] f32, on the context's device
/// Ref: diffusers autoencoder_dc.py, tiled_decode and tiled_encode
[[nodiscard]] Tensor tiled(const Tensor& x, const TileAxes& axes, const std::function<Tensor(const Tensor&)>& fn,
                           Context& ctx);

}  // namespace swan::models

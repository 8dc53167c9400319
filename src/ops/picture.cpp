#include "ops/picture.h"

#include <algorithm>

#include "ops/dispatch.h"

namespace swan::ops {

Tensor pack_rgb(const Tensor& x, Context& ctx) {
  check_floating("pack_rgb", "x", x, ctx);
  check_rank("pack_rgb", "x", x, 4);
  if (x.dim(1) != 3) fail(ErrorCode::kShapeMismatch, "pack_rgb: x {} has {} channels, not 3.", x.shape(), x.dim(1));
  return entry(&KernelTable::pack_rgb, "pack_rgb", ctx)(x);
}

Tensor fade_in(const Tensor& neighbour, const Tensor& tile, Neighbour where, int64_t extent, Context& ctx) {
  for (const auto& [name, t] : {std::pair("neighbour", &neighbour), {"tile", &tile}}) {
    check_floating("fade_in", name, *t, ctx);
    check_rank("fade_in", name, *t, 4);
  }
  if (neighbour.dim(0) != tile.dim(0) || neighbour.dim(1) != tile.dim(1))
    fail(ErrorCode::kShapeMismatch, "fade_in: neighbour {} and tile {} differ in batch or channels.", neighbour.shape(),
         tile.shape());
  const int axis = where == Neighbour::kAbove ? 2 : 3;
  extent = std::max<int64_t>(0, std::min({extent, neighbour.dim(axis), tile.dim(axis)}));
  return entry(&KernelTable::fade_in, "fade_in", ctx)(neighbour, tile, where, extent);
}

}  // namespace swan::ops

#include "models/tiling.h"

#include <algorithm>
#include <vector>

#include "core/device.h"
#include "core/error.h"
#include "ops/picture.h"

namespace swan::models {

namespace {

// Where a rectangle of a plane begins among its rows.
RowsAt at(const Tensor& x, int64_t plane, int64_t top, int64_t left) {
  const auto size = static_cast<int64_t>(size_of(x.dtype()));
  return {((plane * x.dim(2) + top) * x.dim(3) + left) * size, x.dim(3) * size};
}

// A rectangle of x's planes [B, C], where x is.
Tensor crop(const Tensor& x, int64_t top, int64_t left, int64_t height, int64_t width) {
  Tensor out = Tensor::empty({x.dim(0), x.dim(1), height, width}, x.dtype(), x.device());
  for (int64_t plane = 0; plane < x.dim(0) * x.dim(1); ++plane)
    copy_rows(out, at(out, plane, 0, 0), x, at(x, plane, top, left), at(out, plane, 0, 0).pitch, height);
  return out;
}

// The tile's first rows and columns into `out`.
void paste(const Tensor& tile, int64_t height, int64_t width, Tensor& out, int64_t top, int64_t left) {
  for (int64_t plane = 0; plane < out.dim(0) * out.dim(1); ++plane)
    copy_rows(out, at(out, plane, top, left), tile, at(tile, plane, 0, 0),
              width * static_cast<int64_t>(size_of(tile.dtype())), height);
}

}  // namespace

TileAxes decoding_axes(const Tiling& t, int64_t ratio) {
  return {.rows = {t.tile_sample_min_height / ratio, t.tile_sample_stride_height / ratio, t.tile_sample_min_height,
                   t.tile_sample_stride_height},
          .columns = {t.tile_sample_min_width / ratio, t.tile_sample_stride_width / ratio, t.tile_sample_min_width,
                      t.tile_sample_stride_width}};
}

TileAxes encoding_axes(const Tiling& t, int64_t ratio) {
  const auto inverse = [](const TileAxis& a) { return TileAxis{a.out_min, a.out_stride, a.in_min, a.in_stride}; };
  const TileAxes axes = decoding_axes(t, ratio);
  return {.rows = inverse(axes.rows), .columns = inverse(axes.columns)};
}

Tensor tiled(const Tensor& x, const TileAxes& axes, const std::function<Tensor(const Tensor&)>& fn, Context& ctx) {
  const auto& [rows, columns] = axes;
  const int64_t height = x.dim(2), width = x.dim(3);
  if (rows.in_stride < 1 || columns.in_stride < 1 || rows.in_min < rows.in_stride || columns.in_min < columns.in_stride)
    fail(ErrorCode::kInvalidArgument,
         "tiling: a tile of {} x {} with a stride of {} x {}: strides must be positive and no larger than the tile.",
         rows.in_min, columns.in_min, rows.in_stride, columns.in_stride);
  const auto out_extent = [](const TileAxis& axis, int64_t in) {
    return in * axis.out_min / axis.in_min;  // tiles keep the picture's proportions
  };
  const Tensor source = x.to(DType::kF32);
  Tensor out;
  std::vector<Tensor> above;
  for (int64_t i = 0; i < height; i += rows.in_stride) {
    std::vector<Tensor> row;
    for (int64_t j = 0; j < width; j += columns.in_stride) {
      ctx.check_cancelled();
      const Tensor part = crop(source, i, j, std::min(rows.in_min, height - i), std::min(columns.in_min, width - j));
      Tensor tile = fn(part).on(ctx.device(), DType::kF32);  // stays there, and is blended there
      if (i > 0)
        tile = ops::fade_in(above[row.size()], tile, ops::Neighbour::kAbove, rows.out_min - rows.out_stride, ctx);
      if (j > 0)
        tile = ops::fade_in(row.back(), tile, ops::Neighbour::kLeft, columns.out_min - columns.out_stride, ctx);
      if (!out.defined())
        out = Tensor::empty({x.dim(0), tile.dim(1), out_extent(rows, height), out_extent(columns, width)}, DType::kF32,
                            tile.device());
      const int64_t top = i / rows.in_stride * rows.out_stride, left = j / columns.in_stride * columns.out_stride;
      paste(tile, std::min({rows.out_stride, tile.dim(2), out.dim(2) - top}),
            std::min({columns.out_stride, tile.dim(3), out.dim(3) - left}), out, top, left);
      row.push_back(std::move(tile));
    }
    above = std::move(row);
  }
  return out;
}

}  // namespace swan::models

#include "models/tiling.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/error.h"

namespace swan::models {

namespace {

// Planes [B C] of rows and columns; a tile is cut out, or put in, by rows.
Tensor crop(const Tensor& x, int64_t top, int64_t left, int64_t height, int64_t width) {
  Tensor out = Tensor::empty({x.dim(0), x.dim(1), height, width}, DType::kF32);
  const auto* px = x.data<float>();
  auto* py = out.data_mut<float>();
  for (int64_t plane = 0; plane < x.dim(0) * x.dim(1); ++plane)
    for (int64_t row = 0; row < height; ++row, py += width)
      std::memcpy(py, px + (plane * x.dim(2) + top + row) * x.dim(3) + left,
                  static_cast<size_t>(width) * sizeof(float));
  return out;
}

void paste(const Tensor& tile, int64_t height, int64_t width, Tensor& out, int64_t top, int64_t left) {
  const auto* px = tile.data<float>();
  auto* py = out.data_mut<float>();
  for (int64_t plane = 0; plane < out.dim(0) * out.dim(1); ++plane)
    for (int64_t row = 0; row < height; ++row)
      std::memcpy(py + (plane * out.dim(2) + top + row) * out.dim(3) + left,
                  px + (plane * tile.dim(2) + row) * tile.dim(3), static_cast<size_t>(width) * sizeof(float));
}

// b's first `extent` rows fade from the last rows of a, the tile above.
void blend_v(const Tensor& a, Tensor& b, int64_t extent) {
  extent = std::min({a.dim(2), b.dim(2), extent});
  const int64_t width = std::min(a.dim(3), b.dim(3));
  const auto* pa = a.data<float>();
  auto* pb = b.data_mut<float>();
  for (int64_t plane = 0; plane < b.dim(0) * b.dim(1); ++plane)
    for (int64_t y = 0; y < extent; ++y) {
      const float share = static_cast<float>(static_cast<double>(y) / static_cast<double>(extent));
      const float rest = static_cast<float>(1.0 - static_cast<double>(y) / static_cast<double>(extent));
      const float* from = pa + (plane * a.dim(2) + a.dim(2) - extent + y) * a.dim(3);
      float* to = pb + (plane * b.dim(2) + y) * b.dim(3);
      for (int64_t x = 0; x < width; ++x) to[x] = from[x] * rest + to[x] * share;
    }
}

// b's first `extent` columns fade from the last columns of a, the tile to the left.
void blend_h(const Tensor& a, Tensor& b, int64_t extent) {
  extent = std::min({a.dim(3), b.dim(3), extent});
  const int64_t height = std::min(a.dim(2), b.dim(2));
  const auto* pa = a.data<float>();
  auto* pb = b.data_mut<float>();
  for (int64_t plane = 0; plane < b.dim(0) * b.dim(1); ++plane)
    for (int64_t y = 0; y < height; ++y) {
      const float* from = pa + (plane * a.dim(2) + y) * a.dim(3) + a.dim(3) - extent;
      float* to = pb + (plane * b.dim(2) + y) * b.dim(3);
      for (int64_t x = 0; x < extent; ++x) {
        const double share = static_cast<double>(x) / static_cast<double>(extent);
        to[x] = from[x] * static_cast<float>(1.0 - share) + to[x] * static_cast<float>(share);
      }
    }
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
  const Tensor host = x.on(nullptr, DType::kF32);
  Tensor out;
  std::vector<Tensor> above;
  for (int64_t i = 0; i < height; i += rows.in_stride) {
    std::vector<Tensor> row;
    for (int64_t j = 0; j < width; j += columns.in_stride) {
      ctx.check_cancelled();
      const Tensor part = crop(host, i, j, std::min(rows.in_min, height - i), std::min(columns.in_min, width - j));
      row.push_back(fn(part).on(nullptr, DType::kF32));
      Tensor& tile = row.back();
      if (!out.defined())
        out = Tensor::empty({x.dim(0), tile.dim(1), out_extent(rows, height), out_extent(columns, width)}, DType::kF32);
      if (i > 0) blend_v(above[row.size() - 1], tile, rows.out_min - rows.out_stride);
      if (j > 0) blend_h(row[row.size() - 2], tile, columns.out_min - columns.out_stride);
      const int64_t top = i / rows.in_stride * rows.out_stride, left = j / columns.in_stride * columns.out_stride;
      paste(tile, std::min({rows.out_stride, tile.dim(2), out.dim(2) - top}),
            std::min({columns.out_stride, tile.dim(3), out.dim(3) - left}), out, top, left);
    }
    above = std::move(row);
  }
  return out;
}

}  // namespace swan::models

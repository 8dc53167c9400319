#include <cmath>

#include "reference/functions.h"

namespace swan::backends::reference {

Tensor pack_rgb(const Tensor& x) {
  const int64_t pixels = x.dim(2) * x.dim(3);
  Tensor y = Tensor::empty({x.dim(0), x.dim(2), x.dim(3), 3}, DType::kU8);
  for (int64_t i = 0; i < y.numel(); ++i) {
    const int64_t picture = i / (3 * pixels), pixel = i / 3 % pixels, channel = i % 3;
    const float value = x.data<float>()[(picture * 3 + channel) * pixels + pixel];
    const float share = std::isnan(value) ? 0.0F : std::fmin(std::fmax(value / 2 + 0.5F, 0.0F), 1.0F);
    y.data_mut<uint8_t>()[i] = static_cast<uint8_t>(std::nearbyint(share * 255.0F));
  }
  return y;
}

Tensor fade_in(const Tensor& neighbour, const Tensor& tile, ops::Neighbour where, int64_t extent) {
  const bool above = where == ops::Neighbour::kAbove;
  const int64_t height = tile.dim(2), width = tile.dim(3), from_height = neighbour.dim(2),
                from_width = neighbour.dim(3);
  Tensor out = tile.clone();
  for (int64_t i = 0; i < out.numel(); ++i) {
    const int64_t plane = i / (height * width), row = i / width % height, column = i % width;
    const int64_t at = above ? row : column;
    if (at >= extent || (above ? column >= from_width : row >= from_height)) continue;
    const int64_t from_row = above ? from_height - extent + row : row;
    const int64_t from_column = above ? column : from_width - extent + column;
    const double from = neighbour.data<float>()[(plane * from_height + from_row) * from_width + from_column];
    const double share = static_cast<double>(at) / static_cast<double>(extent);
    out.data_mut<float>()[i] = static_cast<float>(from * (1 - share) + tile.data<float>()[i] * share);
  }
  return out;
}

}  // namespace swan::backends::reference

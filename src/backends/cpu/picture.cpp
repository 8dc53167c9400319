#include "ops/picture.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "cpu/entries.h"

namespace swan::backends {

Tensor pack_rgb(const Tensor& x) {
  const int64_t height = x.dim(2), width = x.dim(3), pixels = height * width;
  Tensor out = Tensor::empty({x.dim(0), height, width, 3}, DType::kU8);
  const auto* px = x.data<float>();
  auto* py = out.data_mut<uint8_t>();
  parallel_for(x.dim(0) * height, [&](int64_t line) {
    const float* from = px + line / height * 3 * pixels + line % height * width;
    uint8_t* to = py + line * width * 3;
    for (int64_t i = 0; i < width; ++i)
      for (int64_t c = 0; c < 3; ++c) {
        const float value = from[c * pixels + i] / 2 + 0.5F;
        const float share = value > 0 ? std::min(value, 1.0F) : 0.0F;  // NaN is not above 0
        *to++ = static_cast<uint8_t>(std::nearbyint(share * 255.0F));
      }
  });
  return out;
}

Tensor fade_in(const Tensor& neighbour, const Tensor& tile, ops::Neighbour where, int64_t extent) {
  const bool above = where == ops::Neighbour::kAbove;
  const int64_t height = tile.dim(2), width = tile.dim(3), from_height = neighbour.dim(2),
                from_width = neighbour.dim(3);
  const int64_t rows = above ? extent : std::min(height, from_height);
  const int64_t columns = above ? std::min(width, from_width) : extent;
  const int64_t top = above ? from_height - extent : 0, left = above ? 0 : from_width - extent;
  Tensor out = tile.clone();
  const auto* pn = neighbour.data<float>();
  auto* py = out.data_mut<float>();
  parallel_for(tile.dim(0) * tile.dim(1), [&](int64_t plane) {
    for (int64_t y = 0; y < rows; ++y) {
      const float* from = pn + (plane * from_height + top + y) * from_width + left;
      float* to = py + (plane * height + y) * width;
      for (int64_t x = 0; x < columns; ++x) {
        const double share = static_cast<double>(above ? y : x) / static_cast<double>(extent);
        to[x] = from[x] * static_cast<float>(1.0 - share) + to[x] * static_cast<float>(share);
      }
    }
  });
  return out;
}

}  // namespace swan::backends

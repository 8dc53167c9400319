#include "models/sincos_embedding.h"

#include <cmath>

#include "core/error.h"

namespace swan::models {

Tensor sincos_position_embedding(int64_t channels, const SincosGrid& grid) {
  if (channels % 4 != 0)
    fail(ErrorCode::kInvalidArgument, "a position embedding of {} channels: a multiple of 4 is needed.", channels);
  Tensor out = Tensor::empty({grid.height * grid.width, channels}, DType::kF32);
  const int64_t quarter = channels / 4;
  // Positions in f32 and angles in f64, as the reference computes them.
  const auto position = [&](int64_t i, int64_t size) {
    const auto ratio = static_cast<float>(static_cast<double>(size) / static_cast<double>(grid.base_size));
    return static_cast<double>(static_cast<float>(i) / ratio / static_cast<float>(grid.interpolation_scale));
  };
  auto* y = out.data_mut<float>();
  const auto write = [&](double at, float* to) {
    for (int64_t i = 0; i < quarter; ++i) {
      const double omega = 1.0 / std::pow(10000.0, static_cast<double>(i) / static_cast<double>(quarter));
      to[i] = static_cast<float>(std::sin(at * omega));
      to[quarter + i] = static_cast<float>(std::cos(at * omega));
    }
  };
  for (int64_t row = 0; row < grid.height; ++row)
    for (int64_t column = 0; column < grid.width; ++column, y += channels) {
      write(position(column, grid.width), y);
      write(position(row, grid.height), y + 2 * quarter);
    }
  return out;
}

}  // namespace swan::models

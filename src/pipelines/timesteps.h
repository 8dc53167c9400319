#pragma once

#include <span>

#include "swan/tensor.h"

namespace swan::pipelines {

/// What the network is given at each step, times a factor, for every row of its batch: [steps, rows] f32.
[[nodiscard]] Tensor all_timesteps(std::span<const float> timesteps, int64_t rows, double scale);

}  // namespace swan::pipelines

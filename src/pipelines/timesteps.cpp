#include "pipelines/timesteps.h"

#include <algorithm>

namespace swan::pipelines {

Tensor all_timesteps(std::span<const float> timesteps, int64_t rows, double scale) {
  Tensor all = Tensor::empty({static_cast<int64_t>(timesteps.size()), rows}, DType::kF32);
  for (size_t i = 0; i < timesteps.size(); ++i)
    std::fill_n(all.data_mut<float>() + static_cast<int64_t>(i) * rows, rows, timesteps[i] * static_cast<float>(scale));
  return all;
}

}  // namespace swan::pipelines

#include "pipelines/timesteps.h"

#include <algorithm>
#include <array>

#include "ops/elementwise.h"

namespace swan::pipelines {

Tensor initial_sample(const Tensor& noise, const schedulers::Scheduler& scheduler, Context& ctx) {
  if (scheduler.init_noise_sigma() == 1) return noise;
  return ops::linear_combination(std::array{scheduler.init_noise_sigma()}, std::array{noise}, ctx);
}

Tensor all_timesteps(std::span<const float> timesteps, int64_t rows, double scale) {
  Tensor all = Tensor::empty({static_cast<int64_t>(timesteps.size()), rows}, DType::kF32);
  for (size_t i = 0; i < timesteps.size(); ++i)
    std::fill_n(all.data_mut<float>() + static_cast<int64_t>(i) * rows, rows, timesteps[i] * static_cast<float>(scale));
  return all;
}

}  // namespace swan::pipelines

#pragma once

#include <span>
#include <vector>

#include "core/context.h"
#include "schedulers/scheduler.h"
#include "swan/tensor.h"

namespace swan::pipelines {

/// The steps that a request asks for. @param request  ImageRequest or VideoRequest
/// @param standard  where it has neither a number nor a list
template <typename Request>
[[nodiscard]] schedulers::TimestepChoice timestep_choice(const Request& request, int standard) {
  const std::vector<double>& list = request.sigmas.empty() ? request.timesteps : request.sigmas;
  const bool end = list.size() > 1 && list.back() == 0;  // no step
  const int given = static_cast<int>(list.size()) - (end ? 1 : 0);
  return {.num_inference_steps = request.num_inference_steps.value_or(given > 0 ? given : standard),
          .sigmas = request.sigmas,
          .timesteps = request.timesteps};
}

/// Noise as the scheduler starts from it.
[[nodiscard]] Tensor initial_sample(const Tensor& noise, const schedulers::Scheduler& scheduler, Context& ctx);

/// What the network is given at each step, times a factor, for every row of its batch: [steps, rows] f32.
[[nodiscard]] Tensor all_timesteps(std::span<const float> timesteps, int64_t rows, double scale);

}  // namespace swan::pipelines

#include "schedulers/flow_match_heun.h"

#include <array>

#include "ops/elementwise.h"
#include "schedulers/flow_sigmas.h"

namespace swan::schedulers {

FlowMatchHeunOptions FlowMatchHeunOptions::read(ConfigReader& config) {
  FlowMatchHeunOptions o;
  o.num_train_timesteps = config.integer("num_train_timesteps", o.num_train_timesteps, 1, 1'000'000);
  o.shift = config.positive("shift", o.shift);
  return o;
}

nlohmann::json FlowMatchHeun::describe() const {
  return {{"_class_name", "FlowMatchHeunDiscreteScheduler"},
          {"shift", options_.shift},
          {"num_train_timesteps", options_.num_train_timesteps}};
}

// The points of FlowMatchEuler, those between the ends twice: as where a step ends and as where the next begins.
Schedule FlowMatchHeun::schedule(const TimestepChoice& choice) const {
  Schedule once =
      flow_match_schedule(choice, {.num_train_timesteps = options_.num_train_timesteps, .shift = options_.shift});
  Schedule s;
  s.levels = once.sigmas;
  s.timesteps = {once.timesteps[0]};
  s.sigmas = {once.sigmas[0]};
  for (size_t i = 1; i < once.timesteps.size(); ++i) {
    s.timesteps.insert(s.timesteps.end(), 2, once.timesteps[i]);
    s.sigmas.insert(s.sigmas.end(), 2, once.sigmas[i]);
  }
  s.sigmas.push_back(0);
  return s;
}

void FlowMatchHeun::reset() {
  sample_ = {};
  velocity_ = {};
}

Tensor FlowMatchHeun::advance(const Tensor& model_output, int i, const Tensor& sample, const Tensor& /*noise*/,
                              Context& ctx) {
  const auto at = static_cast<size_t>(i);
  if (i % 2 == 0) {  // Euler's step, which is all of the last one
    sample_ = sample;
    velocity_ = model_output;
    return ops::linear_combination(std::array{1.0F, sigmas()[at + 1] - sigmas()[at]}, std::array{sample, model_output},
                                   ctx);
  }
  const float half = (sigmas()[at] - sigmas()[at - 1]) / 2;
  return ops::linear_combination(std::array{1.0F, half, half}, std::array{sample_, velocity_, model_output}, ctx);
}

}  // namespace swan::schedulers

#include "schedulers/dmd.h"

#include <cmath>

#include "schedulers/flow_sigmas.h"

namespace swan::schedulers {

nlohmann::json DMD::describe() const {
  return {{"_class_name", "DMD"}, {"shift", options_.shift}, {"num_train_timesteps", options_.num_train_timesteps}};
}

Schedule DMD::schedule(const TimestepChoice& choice) const {
  const int train = options_.num_train_timesteps, n = choice.num_inference_steps;
  Schedule s;
  if (!choice.timesteps.empty()) {
    // The table is f32, as FlowMatchEulerDiscreteScheduler has it, from noise to data; of two as near the first counts.
    std::vector<float> table;
    for (int t = train; t > 0; --t)
      table.push_back(shifted(options_.shift, static_cast<float>(t) / static_cast<float>(train)));
    for (const double t : choice.timesteps) {
      float nearest = table[0];
      double distance = INFINITY;
      for (const float sigma : table) {
        const double d = std::abs(static_cast<double>(sigma * static_cast<float>(train)) - t);
        if (d < distance) {
          distance = d;
          nearest = sigma;
        }
      }
      s.timesteps.push_back(static_cast<float>(t));
      s.sigmas.push_back(nearest);
    }
  } else {
    std::vector<double> levels = choice.sigmas;
    if (levels.empty())
      for (int i = n; i > 0; --i) levels.push_back(static_cast<double>(i) / n);
    for (const double level : levels) {
      s.sigmas.push_back(shifted(options_.shift, static_cast<float>(level)));
      s.timesteps.push_back(s.sigmas.back() * static_cast<float>(train));
    }
  }
  s.sigmas.push_back(0);
  return s;
}

Tensor DMD::advance(const Tensor& model_output, int i, const Tensor& sample, const Tensor& noise, Context& ctx) {
  const auto at = static_cast<size_t>(i);
  return renoise(sample, model_output, noise, sigmas()[at], sigmas()[at + 1], ctx);
}

}  // namespace swan::schedulers

#include "schedulers/flow_match_euler.h"

#include <array>

#include "ops/elementwise.h"

namespace swan::schedulers {

FlowMatchEulerOptions FlowMatchEulerOptions::read(ConfigReader& config) {
  FlowMatchEulerOptions o;
  static_cast<FlowMatchOptions&>(o) = FlowMatchOptions::read(config);
  o.stochastic_sampling = config.flag("stochastic_sampling", o.stochastic_sampling);
  return o;
}

nlohmann::json FlowMatchEuler::describe() const {
  nlohmann::json j = options_.FlowMatchOptions::describe("FlowMatchEulerDiscreteScheduler");
  if (options_.stochastic_sampling) j["stochastic_sampling"] = true;
  return j;
}

Tensor FlowMatchEuler::advance(const Tensor& model_output, int i, const Tensor& sample, const Tensor& noise,
                               Context& ctx) {
  const float sigma = sigmas()[static_cast<size_t>(i)], sigma_next = sigmas()[static_cast<size_t>(i) + 1];
  if (options_.stochastic_sampling) return renoise(sample, model_output, noise, sigma, sigma_next, ctx);
  return ops::linear_combination(std::array{1.0F, sigma_next - sigma}, std::array{sample, model_output}, ctx);
}

}  // namespace swan::schedulers

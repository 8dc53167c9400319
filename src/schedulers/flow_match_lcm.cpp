#include "schedulers/flow_match_lcm.h"

namespace swan::schedulers {

FlowMatchOptions FlowMatchLCM::read(ConfigReader& config) {
  config.refuse("scale_factors");
  config.ignore({"upscale_mode"});  // means nothing without scale_factors
  return FlowMatchOptions::read(config);
}

Tensor FlowMatchLCM::advance(const Tensor& model_output, int i, const Tensor& sample, const Tensor& noise,
                             Context& ctx) {
  const auto at = static_cast<size_t>(i);
  return renoise(sample, model_output, noise, sigmas()[at], sigmas()[at + 1], ctx);
}

}  // namespace swan::schedulers

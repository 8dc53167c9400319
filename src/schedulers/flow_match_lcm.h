#pragma once

#include <string>

#include "schedulers/flow_sigmas.h"

namespace swan::schedulers {

/// Steps of a latent consistency model of flows: to what the network takes the latents to be, and back with fresh
/// noise. Ref: Luo et al. 2023 (arXiv:2310.04378); diffusers scheduling_flow_match_lcm.py, FlowMatchLCMScheduler
class FlowMatchLCM final : public Scheduler {
 public:
  explicit FlowMatchLCM(const FlowMatchOptions& options) : options_(options) {}

  /// The options of a FlowMatchLCMScheduler.
  /// @throws Error kUnsupported for one that makes latents grow on the way; see FlowMatchOptions::read
  [[nodiscard]] static FlowMatchOptions read(ConfigReader& config);

  [[nodiscard]] bool needs_noise() const noexcept override { return true; }
  [[nodiscard]] Lists lists() const noexcept override { return Lists::kBoth; }
  [[nodiscard]] std::string name() const override { return "flow-lcm"; }
  [[nodiscard]] nlohmann::json describe() const override { return options_.describe("FlowMatchLCMScheduler"); }

 private:
  [[nodiscard]] Schedule schedule(const TimestepChoice& choice) const override {
    return flow_match_schedule(choice, options_);
  }
  [[nodiscard]] int num_train_timesteps() const override { return options_.num_train_timesteps; }
  [[nodiscard]] Tensor advance(const Tensor& model_output, int i, const Tensor& sample, const Tensor& noise,
                               Context& ctx) override;

  FlowMatchOptions options_;
};

}  // namespace swan::schedulers

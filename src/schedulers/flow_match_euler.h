#pragma once

#include <string>

#include "schedulers/flow_sigmas.h"

namespace swan::schedulers {

/// Names and defaults are those of diffusers.
struct FlowMatchEulerOptions : FlowMatchOptions {
  bool stochastic_sampling = false;  ///< back with fresh noise instead: FlowMatchLCM's step

  /// @throws Error kUnsupported naming an option that is not implemented and its value; kCorruptFile
  [[nodiscard]] static FlowMatchEulerOptions read(ConfigReader& config);
};

/// Euler's method along the flow: x + (sigma_next - sigma) * velocity.
/// Ref: Esser et al. 2024 (arXiv:2403.03206); diffusers scheduling_flow_match_euler_discrete.py,
///      FlowMatchEulerDiscreteScheduler
class FlowMatchEuler final : public Scheduler {
 public:
  explicit FlowMatchEuler(const FlowMatchEulerOptions& options) : options_(options) {}

  [[nodiscard]] bool needs_noise() const noexcept override { return options_.stochastic_sampling; }
  [[nodiscard]] Lists lists() const noexcept override { return Lists::kBoth; }
  [[nodiscard]] std::string name() const override { return "flow-euler"; }
  [[nodiscard]] nlohmann::json describe() const override;

 private:
  [[nodiscard]] Schedule schedule(const TimestepChoice& choice) const override {
    return flow_match_schedule(choice, options_);
  }
  [[nodiscard]] int num_train_timesteps() const override { return options_.num_train_timesteps; }
  [[nodiscard]] Tensor advance(const Tensor& model_output, int i, const Tensor& sample, const Tensor& noise,
                               Context& ctx) override;

  FlowMatchEulerOptions options_;
};

}  // namespace swan::schedulers

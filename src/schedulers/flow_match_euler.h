#pragma once

#include <string>

#include "schedulers/config.h"
#include "schedulers/scheduler.h"

namespace swan::schedulers {

/// Names and defaults are those of diffusers.
struct FlowMatchEulerOptions {
  int num_train_timesteps = 1000;
  double shift = 1;

  /// @throws Error kUnsupported naming an option that is not implemented and its value; kCorruptFile
  [[nodiscard]] static FlowMatchEulerOptions read(ConfigReader& config);
};

/// Euler's method along the flow: x + (sigma_next - sigma) * velocity.
/// Ref: Esser et al. 2024 (arXiv:2403.03206); diffusers scheduling_flow_match_euler_discrete.py,
///      FlowMatchEulerDiscreteScheduler
class FlowMatchEuler final : public Scheduler {
 public:
  explicit FlowMatchEuler(const FlowMatchEulerOptions& options) : options_(options) {}

  [[nodiscard]] std::string name() const override { return "flow-euler"; }
  [[nodiscard]] nlohmann::json describe() const override;

 private:
  [[nodiscard]] Schedule schedule(int num_inference_steps) const override;
  [[nodiscard]] Tensor advance(const Tensor& model_output, int i, const Tensor& sample, const Tensor& noise,
                               Context& ctx) override;

  FlowMatchEulerOptions options_;
};

}  // namespace swan::schedulers

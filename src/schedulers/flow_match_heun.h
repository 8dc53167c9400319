#pragma once

#include <string>

#include "schedulers/config.h"
#include "schedulers/scheduler.h"

namespace swan::schedulers {

/// Names and defaults are those of diffusers.
struct FlowMatchHeunOptions {
  int num_train_timesteps = 1000;
  double shift = 1;

  /// @throws Error kCorruptFile
  [[nodiscard]] static FlowMatchHeunOptions read(ConfigReader& config);
};

/// Heun's method along the flow: Euler's step to the next point, the velocity there, and the step again with the mean
/// of both. The network runs twice for each step but the last: 2 n - 1 timesteps, and each sigma but the first twice.
/// Ref: Karras et al. 2022 (arXiv:2206.00364), algorithm 1; diffusers scheduling_flow_match_heun_discrete.py,
///      FlowMatchHeunDiscreteScheduler
class FlowMatchHeun final : public Scheduler {
 public:
  explicit FlowMatchHeun(const FlowMatchHeunOptions& options) : options_(options) {}

  [[nodiscard]] std::string name() const override { return "flow-heun"; }
  [[nodiscard]] nlohmann::json describe() const override;
  [[nodiscard]] int order() const noexcept override { return 2; }

 private:
  [[nodiscard]] Schedule schedule(const TimestepChoice& choice) const override;
  void reset() override;
  [[nodiscard]] Tensor advance(const Tensor& model_output, int i, const Tensor& sample, const Tensor& noise,
                               Context& ctx) override;

  FlowMatchHeunOptions options_;
  Tensor sample_, velocity_;  // where the step began, and the velocity there
};

}  // namespace swan::schedulers

#pragma once

#include <string>
#include <vector>

#include "schedulers/dpmsolver.h"
#include "schedulers/scheduler.h"

namespace swan::schedulers {

/// Singlestep DPM-Solver++ over flow sigmas: steps of the first, the second and the third order take turns, and each
/// group of them starts from where its first one did. The network runs once for each.
/// Ref: Lu et al. 2022 (arXiv:2211.01095); diffusers scheduling_dpmsolver_singlestep.py, DPMSolverSinglestepScheduler
class DpmSolverSinglestep final : public Scheduler {
 public:
  explicit DpmSolverSinglestep(const DpmSolverOptions& options) : options_(options) {}

  [[nodiscard]] static DpmSolverOptions read(ConfigReader& config);

  [[nodiscard]] bool needs_noise() const noexcept override { return options_.sde; }
  [[nodiscard]] Lists lists() const noexcept override { return Lists::kSigmas; }
  [[nodiscard]] std::string name() const override {
    return options_.algorithm_type() + std::to_string(options_.solver_order) + "s";
  }
  [[nodiscard]] nlohmann::json describe() const override;

 private:
  [[nodiscard]] Schedule schedule(const TimestepChoice& choice) const override;
  void reset() override;
  [[nodiscard]] Tensor advance(const Tensor& model_output, int i, const Tensor& sample, const Tensor& noise,
                               Context& ctx) override;
  [[nodiscard]] int order_of(int i) const;

  DpmSolverOptions options_;
  Tensor start_;            // where the group began
  std::vector<Tensor> x0_;  // what the network took the latents to be, at each step of the group
};

}  // namespace swan::schedulers

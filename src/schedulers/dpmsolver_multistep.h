#pragma once

#include <array>
#include <string>

#include "schedulers/dpmsolver.h"
#include "schedulers/scheduler.h"

namespace swan::schedulers {

/// Multistep DPM-Solver++ over flow sigmas, as an ordinary or a stochastic differential equation.
/// Ref: Lu et al. 2022 (arXiv:2211.01095); diffusers scheduling_dpmsolver_multistep.py, DPMSolverMultistepScheduler
class DpmSolverMultistep final : public Scheduler {
 public:
  explicit DpmSolverMultistep(const DpmSolverOptions& options) : options_(options) {}

  [[nodiscard]] static DpmSolverOptions read(ConfigReader& config);

  [[nodiscard]] bool needs_noise() const noexcept override { return options_.sde; }
  [[nodiscard]] Lists lists() const noexcept override { return Lists::kSigmas; }
  [[nodiscard]] std::string name() const override {
    return options_.algorithm_type() + (options_.solver_order == 3 ? "3m" : "");
  }
  [[nodiscard]] nlohmann::json describe() const override;

 private:
  [[nodiscard]] Schedule schedule(const TimestepChoice& choice) const override;
  void reset() override { x0_ = {}; }
  [[nodiscard]] Tensor advance(const Tensor& model_output, int i, const Tensor& sample, const Tensor& noise,
                               Context& ctx) override;
  [[nodiscard]] int order_of(int i) const;

  DpmSolverOptions options_;
  std::array<Tensor, DpmSolverOptions::kMaxOrder>
      x0_;  // what the network took the latents to be: at this step, one before, two before
};

}  // namespace swan::schedulers

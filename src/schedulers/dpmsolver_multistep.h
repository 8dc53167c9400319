#pragma once

#include <array>
#include <string>

#include "schedulers/config.h"
#include "schedulers/scheduler.h"

namespace swan::schedulers {

/// The options of DPM-Solver++ that mean something for a flow; names and defaults are those of diffusers.
struct DpmSolverOptions {
  static constexpr int kMaxOrder = 3;

  int num_train_timesteps = 1000;
  double flow_shift = 1;
  int solver_order = 2;           ///< 1 to 3
  bool sde = false;               ///< algorithm_type "sde-dpmsolver++" rather than "dpmsolver++"
  bool heun = false;              ///< solver_type "heun" rather than "midpoint"; second-order steps only
  bool lower_order_final = true;  ///< below 15 steps the last but one is of second order at most
  bool euler_at_final = false;    ///< without effect: the last step goes to sigma 0 and is of first order anyway

  /// @throws Error kUnsupported naming an option that is not implemented and its value; kCorruptFile
  [[nodiscard]] static DpmSolverOptions read(ConfigReader& config);
};

/// Multistep DPM-Solver++ over flow sigmas, as an ordinary or a stochastic differential equation.
/// Ref: Lu et al. 2022 (arXiv:2211.01095); diffusers scheduling_dpmsolver_multistep.py, DPMSolverMultistepScheduler
class DpmSolverMultistep final : public Scheduler {
 public:
  explicit DpmSolverMultistep(const DpmSolverOptions& options) : options_(options) {}

  [[nodiscard]] bool needs_noise() const noexcept override { return options_.sde; }
  [[nodiscard]] std::string name() const override { return options_.sde ? "sde-dpmsolver++" : "dpmsolver++"; }
  [[nodiscard]] nlohmann::json describe() const override;

 private:
  [[nodiscard]] Schedule schedule(int num_inference_steps) const override;
  void reset() override { x0_ = {}; }
  [[nodiscard]] Tensor advance(const Tensor& model_output, int i, const Tensor& sample, const Tensor& noise,
                               Context& ctx) override;
  [[nodiscard]] int order_of(int i) const;

  DpmSolverOptions options_;
  std::array<Tensor, DpmSolverOptions::kMaxOrder>
      x0_;  // what the network took the latents to be: at this step, one before, two before
};

}  // namespace swan::schedulers

#pragma once

#include <span>
#include <string>

#include "core/context.h"
#include "schedulers/config.h"
#include "swan/tensor.h"

namespace swan::schedulers {

/// The options of DPM-Solver++ that mean something for a flow; names and defaults are those of diffusers.
struct DpmSolverOptions {
  static constexpr int kMaxOrder = 3;

  int num_train_timesteps = 1000;
  double flow_shift = 1;
  int solver_order = 2;           ///< 1 to 3
  bool sde = false;               ///< algorithm_type "sde-dpmsolver++" rather than "dpmsolver++"
  bool heun = false;              ///< solver_type "heun" rather than "midpoint"; steps of the second order, and of one
                                  ///< step at a time of the third
  bool lower_order_final = true;  ///< below 15 steps the last but one is of second order at most; multistep only
  bool euler_at_final = false;    ///< without effect: the last step goes to sigma 0 and is of first order anyway

  /// What DPMSolverMultistepScheduler and DPMSolverSinglestepScheduler have in common.
  /// @throws Error kUnsupported naming an option that is not implemented and its value; kCorruptFile
  [[nodiscard]] static DpmSolverOptions read(ConfigReader& config);
  [[nodiscard]] nlohmann::json describe(const char* class_name) const;
  [[nodiscard]] std::string algorithm_type() const { return sde ? "sde-dpmsolver++" : "dpmsolver++"; }
};

/// log(alpha / sigma) of a flow, where alpha = 1 - sigma; infinite at sigma 0.
[[nodiscard]] double dpm_lambda(double sigma);

/// A step from sigma_s down to sigma_t, as the exact solution has it:
///   x_t = sample * x_s + d0 * D0 + d1 * D1 + d2 * D2 + noise * z
/// where D0, D1, D2 estimate x0 and its derivatives in lambda over h, the step in lambda, and z is fresh noise.
struct DpmStep {
  DpmStep(double sigma_s, double sigma_t, bool sde);

  /// Where D0, D1, D2 are sums over predictions of x0, the step is one linear combination of sample, those and noise.
  /// @param m      the factor of each prediction
  /// @param x0     at least as many predictions
  /// @param z      undefined for the ordinary equation
  [[nodiscard]] Tensor take(const Tensor& x_s, std::span<const double> m, std::span<const Tensor> x0, const Tensor& z,
                            Context& ctx) const;

  double h;  ///< infinite where sigma_t is 0
  double sample, d0;
  double midpoint;  ///< d1 as the midpoint rule has it
  double d1, d2;
  double noise;  ///< 0 of the ordinary equation
};

}  // namespace swan::schedulers

#include "schedulers/dpmsolver.h"

#include <cmath>
#include <vector>

#include "ops/elementwise.h"

namespace swan::schedulers {

DpmSolverOptions DpmSolverOptions::read(ConfigReader& config) {
  DpmSolverOptions o;
  config.require("use_flow_sigmas", false, "Swan's DPM-Solver runs flows only");
  (void)config.choice("prediction_type", "epsilon", {"flow_prediction"});
  (void)config.choice("final_sigmas_type", "zero", {"zero"});
  o.sde = config.choice("algorithm_type", "dpmsolver++", {"dpmsolver++", "sde-dpmsolver++"}) == "sde-dpmsolver++";
  o.heun = config.choice("solver_type", "midpoint", {"midpoint", "heun"}) == "heun";
  o.num_train_timesteps = config.integer("num_train_timesteps", o.num_train_timesteps, 1, 1'000'000);
  o.flow_shift = config.positive("flow_shift", o.flow_shift);
  o.solver_order = config.integer("solver_order", o.solver_order, 1, kMaxOrder);
  // The reference's other sigmas take the place of the flow's, of which alpha = 1 - sigma is then negative.
  for (const char* key :
       {"thresholding", "use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas"})
    config.refuse(key);
  // Flow sigmas replace the table of betas and the timesteps made from it, and a flow has no variance to predict.
  config.ignore({"beta_start", "beta_end", "beta_schedule", "trained_betas", "rescale_betas_zero_snr",
                 "lambda_min_clipped", "timestep_spacing", "steps_offset", "variance_type",
                 "dynamic_thresholding_ratio", "sample_max_value", "use_dynamic_shifting", "time_shift_type"});
  return o;
}

nlohmann::json DpmSolverOptions::describe(const char* class_name) const {
  return {{"_class_name", class_name},
          {"algorithm_type", algorithm_type()},
          {"solver_order", solver_order},
          {"solver_type", heun ? "heun" : "midpoint"},
          {"final_sigmas_type", "zero"},
          {"prediction_type", "flow_prediction"},
          {"use_flow_sigmas", true},
          {"flow_shift", flow_shift},
          {"num_train_timesteps", num_train_timesteps}};
}

double dpm_lambda(double sigma) { return std::log(1 - sigma) - std::log(sigma); }

DpmStep::DpmStep(double sigma_s, double sigma_t, bool sde) : h(dpm_lambda(sigma_t) - dpm_lambda(sigma_s)) {
  const double alpha_t = 1 - sigma_t;
  const double k = sde ? 2 * h : h;  // the stochastic equation decays twice as fast
  const double decay = std::exp(-k);
  sample = sigma_t / sigma_s * (sde ? std::exp(-h) : 1);
  d0 = alpha_t * (1 - decay);
  midpoint = d0 / 2;
  d1 = alpha_t * ((decay - 1) / k + 1);
  // The reference's sign of the half in the stochastic equation's, which keeps the third order from being one.
  d2 = alpha_t * ((1 - decay - k) / (k * k) + (sde ? -0.5 : 0.5));
  noise = sde ? sigma_t * std::sqrt(1 - decay) : 0;
}

Tensor DpmStep::take(const Tensor& x_s, std::span<const double> m, std::span<const Tensor> x0, const Tensor& z,
                     Context& ctx) const {
  std::vector<float> coefficients = {static_cast<float>(sample)};
  std::vector<Tensor> tensors = {x_s};
  for (size_t j = 0; j < m.size(); ++j) {
    coefficients.push_back(static_cast<float>(m[j]));
    tensors.push_back(x0[j]);
  }
  if (z.defined()) {
    coefficients.push_back(static_cast<float>(noise));
    tensors.push_back(z);
  }
  return ops::linear_combination(coefficients, tensors, ctx);
}

}  // namespace swan::schedulers

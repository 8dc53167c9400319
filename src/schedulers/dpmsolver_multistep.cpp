#include "schedulers/dpmsolver_multistep.h"

#include <algorithm>
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
  o.lower_order_final = config.flag("lower_order_final", o.lower_order_final);
  o.euler_at_final = config.flag("euler_at_final", o.euler_at_final);
  for (const char* key : {"thresholding", "use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas",
                          "use_lu_lambdas", "use_dynamic_shifting"})
    config.refuse(key);
  // Flow sigmas replace the table of betas and the timesteps made from it, and a flow has no variance to predict.
  config.ignore({"beta_start", "beta_end", "beta_schedule", "trained_betas", "rescale_betas_zero_snr",
                 "lambda_min_clipped", "timestep_spacing", "steps_offset", "variance_type",
                 "dynamic_thresholding_ratio", "sample_max_value", "time_shift_type"});
  return o;
}

nlohmann::json DpmSolverMultistep::describe() const {
  return {{"_class_name", "DPMSolverMultistepScheduler"},
          {"algorithm_type", name()},
          {"solver_order", options_.solver_order},
          {"solver_type", options_.heun ? "heun" : "midpoint"},
          {"lower_order_final", options_.lower_order_final},
          {"euler_at_final", options_.euler_at_final},
          {"final_sigmas_type", "zero"},
          {"prediction_type", "flow_prediction"},
          {"use_flow_sigmas", true},
          {"flow_shift", options_.flow_shift},
          {"num_train_timesteps", options_.num_train_timesteps}};
}

// The table is made in f64 and kept in f32; the network sees timesteps cut to whole numbers.
Scheduler::Schedule DpmSolverMultistep::schedule(int num_inference_steps) const {
  Schedule s;
  const double train = options_.num_train_timesteps;
  const double alpha_step = (1 / train - 1) / num_inference_steps;
  for (int i = num_inference_steps; i > 0; --i) {
    const double alpha = i == num_inference_steps ? 1 / train : 1 + i * alpha_step;
    const double noise = 1 - alpha;
    const double sigma = options_.flow_shift * noise / (1 + (options_.flow_shift - 1) * noise);
    s.sigmas.push_back(static_cast<float>(sigma));
    s.timesteps.push_back(static_cast<float>(std::trunc(sigma * train)));
  }
  s.sigmas.push_back(0);
  return s;
}

// The order grows with the history. The last step goes to sigma 0, where only the first order is finite.
int DpmSolverMultistep::order_of(int i) const {
  constexpr int kFewSteps = 15;
  const int steps = static_cast<int>(timesteps().size());
  if (i == steps - 1) return 1;
  const int order = std::min(options_.solver_order, i + 1);
  return i == steps - 2 && options_.lower_order_final && steps < kFewSteps ? std::min(order, 2) : order;
}

// With lambda = log(alpha / sigma), alpha = 1 - sigma and h the step in lambda, the exact solution is
//   x_t = (sigma_t / sigma_s) x_s - alpha_t (exp(-h) - 1) D0 + ... D1 + ... D2
// where D0, D1, D2 estimate x0 and its derivatives in lambda from the last predictions. Each is a sum over predictions
// m0, m1, m2, so the step is one linear combination of sample, predictions and noise.
Tensor DpmSolverMultistep::advance(const Tensor& model_output, int i, const Tensor& sample, const Tensor& noise,
                                   Context& ctx) {
  const auto sigma = [&](int index) { return static_cast<double>(sigmas()[static_cast<size_t>(index)]); };
  const auto lambda = [&](int index) { return std::log(1 - sigma(index)) - std::log(sigma(index)); };

  // x0 = sample - sigma * velocity
  std::rotate(x0_.begin(), x0_.end() - 1, x0_.end());
  x0_[0] = ops::linear_combination(std::array{1.0F, -sigmas()[static_cast<size_t>(i)]},
                                   std::array{sample, model_output}, ctx);

  const int order = order_of(i);
  const double alpha_t = 1 - sigma(i + 1);
  const double h = lambda(i + 1) - lambda(i);  // infinite on the last step
  const double k = options_.sde ? 2 * h : h;   // the stochastic equation decays twice as fast
  const double decay = std::exp(-k);
  const double ratio = sigma(i + 1) / sigma(i);

  // Coefficients of D0, D1, D2.
  const double d0 = alpha_t * (1 - decay);
  double d1 = 0;
  double d2 = 0;
  if (order == 2 && !options_.heun) {
    d1 = d0 / 2;
  } else if (order >= 2) {
    d1 = alpha_t * ((decay - 1) / k + 1);
    if (order == 3) d2 = -alpha_t * ((decay - 1 + k) / (k * k) - 0.5);
  }

  // D1 and D2 from divided differences a = (m0 - m1) / r0 and b = (m1 - m2) / r1.
  std::array<double, DpmSolverOptions::kMaxOrder> m = {d0, 0, 0};
  if (order == 2) {
    const double r0 = (lambda(i) - lambda(i - 1)) / h;
    m[0] += d1 / r0;
    m[1] -= d1 / r0;
  } else if (order == 3) {
    const double r0 = (lambda(i) - lambda(i - 1)) / h;
    const double r1 = (lambda(i - 1) - lambda(i - 2)) / h;
    const double a = d1 * (1 + r0 / (r0 + r1)) + d2 / (r0 + r1);
    const double b = -(d1 * r0 + d2) / (r0 + r1);
    m[0] += a / r0;
    m[1] += b / r1 - a / r0;
    m[2] -= b / r1;
  }

  std::vector<float> coefficients = {static_cast<float>(options_.sde ? ratio * std::exp(-h) : ratio)};
  std::vector<Tensor> tensors = {sample};
  for (size_t j = 0; j < static_cast<size_t>(order); ++j) {
    coefficients.push_back(static_cast<float>(m[j]));
    tensors.push_back(x0_[j]);
  }
  if (options_.sde) {
    coefficients.push_back(static_cast<float>(sigma(i + 1) * std::sqrt(1 - decay)));
    tensors.push_back(noise);
  }
  return ops::linear_combination(coefficients, tensors, ctx);
}

}  // namespace swan::schedulers

#include "schedulers/dpmsolver_multistep.h"

#include <algorithm>
#include <array>
#include <span>

#include "ops/elementwise.h"
#include "schedulers/flow_sigmas.h"

namespace swan::schedulers {

DpmSolverOptions DpmSolverMultistep::read(ConfigReader& config) {
  DpmSolverOptions o = DpmSolverOptions::read(config);
  o.lower_order_final = config.flag("lower_order_final", o.lower_order_final);
  o.euler_at_final = config.flag("euler_at_final", o.euler_at_final);
  return o;
}

nlohmann::json DpmSolverMultistep::describe() const {
  nlohmann::json j = options_.describe("DPMSolverMultistepScheduler");
  j["lower_order_final"] = options_.lower_order_final;
  j["euler_at_final"] = options_.euler_at_final;
  return j;
}

Schedule DpmSolverMultistep::schedule(const TimestepChoice& choice) const {
  return dpm_schedule(choice, options_.flow_shift, options_.num_train_timesteps);
}

// The order grows with the history. The last step goes to sigma 0, where only the first order is finite.
int DpmSolverMultistep::order_of(int i) const {
  constexpr int kFewSteps = 15;
  const int steps = static_cast<int>(timesteps().size());
  if (i == steps - 1) return 1;
  const int order = std::min(options_.solver_order, i - begin_index() + 1);
  return i == steps - 2 && options_.lower_order_final && steps < kFewSteps ? std::min(order, 2) : order;
}

// D0, D1 and D2 come from the last predictions m0, m1, m2, so that the step is one linear combination of sample,
// predictions and noise.
Tensor DpmSolverMultistep::advance(const Tensor& model_output, int i, const Tensor& sample, const Tensor& noise,
                                   Context& ctx) {
  const auto sigma = [&](int index) { return static_cast<double>(sigmas()[static_cast<size_t>(index)]); };
  const auto lambda = [&](int index) { return dpm_lambda(sigma(index)); };

  // x0 = sample - sigma * velocity
  std::rotate(x0_.begin(), x0_.end() - 1, x0_.end());
  x0_[0] = ops::linear_combination(std::array{1.0F, -sigmas()[static_cast<size_t>(i)]},
                                   std::array{sample, model_output}, ctx);

  const int order = order_of(i);
  const DpmStep step(sigma(i), sigma(i + 1), options_.sde);

  // D1 and D2 from divided differences a = (m0 - m1) / r0 and b = (m1 - m2) / r1.
  std::array<double, DpmSolverOptions::kMaxOrder> m = {step.d0, 0, 0};
  if (order == 2) {
    const double d1 = options_.heun ? step.d1 : step.midpoint;
    const double r0 = (lambda(i) - lambda(i - 1)) / step.h;
    m[0] += d1 / r0;
    m[1] -= d1 / r0;
  } else if (order == 3) {
    const double r0 = (lambda(i) - lambda(i - 1)) / step.h;
    const double r1 = (lambda(i - 1) - lambda(i - 2)) / step.h;
    const double a = step.d1 * (1 + r0 / (r0 + r1)) + step.d2 / (r0 + r1);
    const double b = -(step.d1 * r0 + step.d2) / (r0 + r1);
    m[0] += a / r0;
    m[1] += b / r1 - a / r0;
    m[2] -= b / r1;
  }

  return step.take(sample, std::span(m).first(static_cast<size_t>(order)), x0_, options_.sde ? noise : Tensor(), ctx);
}

}  // namespace swan::schedulers

#include "schedulers/dpmsolver_singlestep.h"

#include <algorithm>
#include <array>
#include <span>

#include "ops/elementwise.h"
#include "schedulers/flow_sigmas.h"

namespace swan::schedulers {

DpmSolverOptions DpmSolverSinglestep::read(ConfigReader& config) {
  // Of both the reference says that the last step, to sigma 0, leaves no choice.
  config.ignore({"lower_order_final", "euler_at_final"});
  return DpmSolverOptions::read(config);
}

nlohmann::json DpmSolverSinglestep::describe() const { return options_.describe("DPMSolverSinglestepScheduler"); }

Schedule DpmSolverSinglestep::schedule(const TimestepChoice& choice) const {
  return dpm_schedule(choice, options_.flow_shift, options_.num_train_timesteps);
}

void DpmSolverSinglestep::reset() {
  start_ = {};
  x0_.clear();
}

// 1, 2, 3, 1, 2, 3, ... up to the last step, which goes to sigma 0, where only the first order is finite. A run that
// begins within such a group has its history alone.
int DpmSolverSinglestep::order_of(int i) const {
  const int steps = static_cast<int>(timesteps().size());
  return i == steps - 1 ? 1 : std::min(i % options_.solver_order, i - begin_index()) + 1;
}

// With s the first step of the group, h the step in lambda from there and m_0, m_1, m_2 the predictions since, D1 and
// D2 come from a = (m_1 - m_0) / r_1 and b = (m_2 - m_0) / r_2, where r_j is the distance of m_j in units of h.
Tensor DpmSolverSinglestep::advance(const Tensor& model_output, int i, const Tensor& sample, const Tensor& noise,
                                    Context& ctx) {
  const auto sigma = [&](int index) { return static_cast<double>(sigmas()[static_cast<size_t>(index)]); };
  const int order = order_of(i), s = i - order + 1;
  if (order == 1) {
    start_ = sample;
    x0_.clear();
  }
  // x0 = sample - sigma * velocity
  x0_.push_back(ops::linear_combination(std::array{1.0F, -sigmas()[static_cast<size_t>(i)]},
                                        std::array{sample, model_output}, ctx));

  const DpmStep step(sigma(s), sigma(i + 1), options_.sde);
  const auto r = [&](int j) { return (dpm_lambda(sigma(s + j)) - dpm_lambda(sigma(s))) / step.h; };
  double a = 0;  // coefficients of the divided differences
  double b = 0;
  std::array<double, DpmSolverOptions::kMaxOrder> m = {step.d0, 0, 0};
  if (order == 2) {
    a = options_.heun ? step.d1 : step.midpoint;
  } else if (order == 3 && !options_.heun) {
    b = step.d1;
  } else if (order == 3) {  // D1 = (r2 a - r1 b) / (r2 - r1), D2 = 2 (b - a) / (r2 - r1)
    a = (step.d1 * r(2) - 2 * step.d2) / (r(2) - r(1));
    b = (2 * step.d2 - step.d1 * r(1)) / (r(2) - r(1));
  }
  if (order >= 2) {
    m[1] = a / r(1);
    m[0] -= m[1];
  }
  if (order == 3) {
    m[2] = b / r(2);
    m[0] -= m[2];
  }

  return step.take(start_, std::span(m).first(static_cast<size_t>(order)), x0_, options_.sde ? noise : Tensor(), ctx);
}

}  // namespace swan::schedulers

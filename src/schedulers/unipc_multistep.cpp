#include "schedulers/unipc_multistep.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "core/error.h"
#include "ops/elementwise.h"
#include "schedulers/flow_sigmas.h"

namespace swan::schedulers {

namespace {

// The step in lambda as the exponential integrator sees it.
struct Integrator {
  explicit Integrator(double h) : k(-h), decay(std::expm1(-h)) {}

  // b_n = n! phi_{n+1}(k) k / B(h) for n from 1, with B(h) = expm1(k); phi_1 = expm1(k) / k,
  // phi_{n+1} = (phi_n - 1 / n!) / k.
  [[nodiscard]] std::array<double, UniPCOptions::kMaxOrder> b() const {
    std::array<double, UniPCOptions::kMaxOrder> b{};
    double term = decay / k - 1;
    double factorial = 1;
    for (size_t n = 0; n < b.size(); ++n) {
      b[n] = term * factorial / decay;
      factorial *= static_cast<double>(n) + 2;
      term = term / k - 1 / factorial;
    }
    return b;
  }

  double k;
  double decay;  // exp(-h) - 1; -1 on the last step, where h is infinite
};

// Solves sum_j r_j^n w_j = b_n for n = 0, 1, ... in place of b. Ref: Bjorck & Pereyra 1970
void solve_vandermonde(std::span<const double> r, std::span<double> b) {
  const size_t n = r.size();
  for (size_t k = 0; k + 1 < n; ++k)
    for (size_t i = n - 1; i > k; --i) b[i] -= r[k] * b[i - 1];
  for (size_t k = n - 1; k-- > 0;) {
    for (size_t i = k + 1; i < n; ++i) b[i] /= r[i] - r[i - k - 1];
    for (size_t i = k; i + 1 < n; ++i) b[i] -= b[i + 1];
  }
}

}  // namespace

UniPCOptions UniPCOptions::read(ConfigReader& config) {
  UniPCOptions o;
  config.require("use_flow_sigmas", false, "Swan's UniPC runs flows only");
  config.require("predict_x0", true, "a flow's prediction gives x0");
  (void)config.choice("prediction_type", "epsilon", {"flow_prediction"});
  (void)config.choice("final_sigmas_type", "zero", {"zero"});
  // The reference takes the names of DPM-Solver's types for bh2.
  if (config.choice("solver_type", "bh2", {"bh2", "bh1", "midpoint", "heun", "logrho"}) == "bh1")
    fail(ErrorCode::kUnsupported,
         "{}: 'solver_type' is \"bh1\", which has no finite last step where the last sigma is zero; use \"bh2\".",
         config.path());
  o.num_train_timesteps = config.integer("num_train_timesteps", o.num_train_timesteps, 1, 1'000'000);
  o.flow_shift = config.positive("flow_shift", o.flow_shift);
  o.solver_order = config.integer("solver_order", o.solver_order, 1, kMaxOrder);
  o.lower_order_final = config.flag("lower_order_final", o.lower_order_final);
  if (!o.lower_order_final && o.solver_order > 1)
    fail(ErrorCode::kUnsupported,
         "{}: 'lower_order_final' is false, but the last step goes to sigma 0, where only the first order is finite; "
         "set it to true.",
         config.path());
  o.disable_corrector = config.integers("disable_corrector", 0, 1'000'000);
  o.shift_terminal = read_shift_terminal(config);
  o.use_karras_sigmas = config.flag("use_karras_sigmas", o.use_karras_sigmas);
  o.beta_start = config.positive("beta_start", o.beta_start);
  o.beta_end = config.positive("beta_end", o.beta_end);
  if (o.use_karras_sigmas) {
    o.sigma_min = config.number("sigma_min", 0);
    o.sigma_max = config.number("sigma_max", 0);
    o.scaled_linear = config.choice("beta_schedule", "linear", {"linear", "scaled_linear"}) == "scaled_linear";
    for (const char* key : {"trained_betas", "rescale_betas_zero_snr"}) config.refuse(key);
  }
  for (const char* key : {"thresholding", "solver_p", "use_exponential_sigmas", "use_beta_sigmas"}) config.refuse(key);
  // Flow sigmas replace the timesteps that are made from the table of betas, and but for Karras's that table too.
  config.ignore({"beta_schedule", "trained_betas", "rescale_betas_zero_snr", "timestep_spacing", "steps_offset",
                 "dynamic_thresholding_ratio", "sample_max_value", "use_dynamic_shifting", "time_shift_type",
                 "sigma_min", "sigma_max"});
  return o;
}

nlohmann::json UniPCMultistep::describe() const {
  nlohmann::json j = {{"_class_name", "UniPCMultistepScheduler"},
                      {"solver_order", options_.solver_order},
                      {"solver_type", "bh2"},
                      {"predict_x0", true},
                      {"lower_order_final", options_.lower_order_final},
                      {"disable_corrector", options_.disable_corrector},
                      {"final_sigmas_type", "zero"},
                      {"prediction_type", "flow_prediction"},
                      {"use_flow_sigmas", true},
                      {"flow_shift", options_.flow_shift},
                      {"num_train_timesteps", options_.num_train_timesteps}};
  if (options_.shift_terminal > 0) j["shift_terminal"] = options_.shift_terminal;
  if (options_.use_karras_sigmas) {
    j["use_karras_sigmas"] = true;
    j["beta_start"] = options_.beta_start;
    j["beta_end"] = options_.beta_end;
    j["beta_schedule"] = options_.scaled_linear ? "scaled_linear" : "linear";
    if (options_.sigma_min > 0) j["sigma_min"] = options_.sigma_min;
    if (options_.sigma_max > 0) j["sigma_max"] = options_.sigma_max;
  }
  return j;
}

namespace {

// The least and the largest sigma, sqrt((1 - a) / a) with a the product of 1 - beta up to there, of a diffusion with
// these betas, which are f32 as the reference's.
std::pair<double, double> diffusion_sigmas(const UniPCOptions& o) {
  const bool roots = o.scaled_linear;
  const auto betas = linspace(roots ? std::sqrt(o.beta_start) : o.beta_start,
                              roots ? std::sqrt(o.beta_end) : o.beta_end, o.num_train_timesteps);
  double product = 1;
  double least = 0;
  double sigma = 0;
  for (const double beta : betas) {
    const auto b = static_cast<float>(beta);
    product *= static_cast<double>(1 - (roots ? b * b : b));
    sigma = std::sqrt((1 - product) / product);
    if (least == 0) least = sigma;
  }
  return {least, sigma};
}

}  // namespace

Schedule UniPCMultistep::schedule(const TimestepChoice& choice) const {
  const int n = choice.num_inference_steps;
  const double train = options_.num_train_timesteps;
  std::vector<double> levels;
  if (options_.use_karras_sigmas) {
    if (!choice.sigmas.empty())
      fail(ErrorCode::kUnsupported,
           "'unipc' with Karras's noise levels takes no list of sigmas; leave it out, or set sigma_schedule to "
           "'simple'.");
    auto [least, largest] = diffusion_sigmas(options_);
    if (options_.sigma_min > 0) least = options_.sigma_min;
    if (options_.sigma_max > 0) largest = options_.sigma_max;
    levels = spread_sigmas(SigmaSchedule::kKarras, largest, least, n);
    for (double& sigma : levels) sigma = sigma / (sigma + 1);
  } else {
    std::vector<double> even = choice.sigmas;
    if (even.empty()) {
      even = linspace(1, 1 / train, n + 1);
      even.pop_back();
    }
    levels = shifted_levels(even, options_.flow_shift, options_.shift_terminal);
  }
  return whole_timesteps(levels, options_.num_train_timesteps);
}

void UniPCMultistep::reset() {
  x0_ = {};
  last_sample_ = {};
}

// The order grows with the history and shrinks to the end.
int UniPCMultistep::order_of(int i) const {
  const int order = std::min(options_.solver_order, i - begin_index() + 1);
  return options_.lower_order_final ? std::min(order, static_cast<int>(timesteps().size()) - i) : order;
}

// log(alpha / sigma), where alpha = 1 - sigma
double UniPCMultistep::lambda(int i) const {
  const double sigma = sigmas()[static_cast<size_t>(i)];
  return std::log(1 - sigma) - std::log(sigma);
}

Tensor UniPCMultistep::advance(const Tensor& model_output, int i, const Tensor& sample, const Tensor& /*noise*/,
                               Context& ctx) {
  // x0 = sample - sigma * velocity, from the sample that the network saw
  const Tensor x0 = ops::linear_combination(std::array{1.0F, -sigmas()[static_cast<size_t>(i)]},
                                            std::array{sample, model_output}, ctx);
  const bool corrects = i > begin_index() && !options_.disable_corrector.contains(i - 1);
  last_sample_ = corrects ? update(i - 1, last_sample_, x0, ctx) : sample;
  std::rotate(x0_.begin(), x0_.end() - 1, x0_.end());
  x0_[0] = x0;
  return update(i, last_sample_, {}, ctx);
}

// With m_0 the prediction at s, m_j those before it and, for the corrector, the one at t, and r_j their distances from
// s in units of h, the step in lambda from s to t:
//   x_t = (sigma_t / sigma_s) x_s - alpha_t expm1(-h) m_0 - alpha_t B(h) sum_j w_j (m_j - m_0) / r_j
// where sum_j r_j^n w_j = b_n. All of it is one linear combination of the sample and the predictions.
Tensor UniPCMultistep::update(int s, const Tensor& sample, const Tensor& x0_at_t, Context& ctx) const {
  const double h = lambda(s + 1) - lambda(s);  // infinite on the last step, which is of first order
  const Integrator integrator(h);
  std::vector<double> r;
  std::vector<Tensor> tensors = {sample, x0_[0]};
  for (int j = 1; j < order_of(s); ++j) {
    r.push_back((lambda(s - j) - lambda(s)) / h);
    tensors.push_back(x0_[static_cast<size_t>(j)]);
  }
  if (x0_at_t.defined()) {
    r.push_back(1);
    tensors.push_back(x0_at_t);
  }

  auto w = integrator.b();
  if (r.size() == 1) {
    w[0] = 0.5;  // as the reference and the paper's code simplify it
  } else if (r.size() > 1) {
    solve_vandermonde(r, std::span(w).first(r.size()));
  }

  const double sigma_s = sigmas()[static_cast<size_t>(s)];
  const double sigma_t = sigmas()[static_cast<size_t>(s) + 1];
  const double scale = (sigma_t - 1) * integrator.decay;
  double m0 = scale;
  std::vector<float> coefficients = {static_cast<float>(sigma_t / sigma_s), 0};
  for (size_t j = 0; j < r.size(); ++j) {
    coefficients.push_back(static_cast<float>(scale * w[j] / r[j]));
    m0 -= scale * w[j] / r[j];
  }
  coefficients[1] = static_cast<float>(m0);
  return ops::linear_combination(coefficients, tensors, ctx);
}

}  // namespace swan::schedulers

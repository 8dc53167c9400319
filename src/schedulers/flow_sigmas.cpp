#include "schedulers/flow_sigmas.h"

#include <array>
#include <cmath>

#include "core/error.h"
#include "ops/elementwise.h"

namespace swan::schedulers {

std::vector<double> shifted_levels(const std::vector<double>& sigmas, double flow_shift, double shift_terminal) {
  constexpr double kEpsilon = 1e-6;
  std::vector<double> levels;
  levels.reserve(sigmas.size());
  for (const double sigma : sigmas) levels.push_back(shifted(flow_shift, sigma));
  if (shift_terminal > 0) stretch_to_terminal(levels, shift_terminal);
  if (!levels.empty() && std::abs(levels[0] - 1) < kEpsilon) levels[0] -= kEpsilon;
  return levels;
}

Schedule whole_timesteps(const std::vector<double>& levels, int num_train_timesteps) {
  Schedule s;
  for (const double sigma : levels) {
    s.sigmas.push_back(static_cast<float>(sigma));
    s.timesteps.push_back(static_cast<float>(std::trunc(sigma * num_train_timesteps)));
  }
  s.sigmas.push_back(0);
  return s;
}

Schedule dpm_schedule(const TimestepChoice& choice, double flow_shift, int num_train_timesteps) {
  const int n = choice.num_inference_steps;
  const double train = num_train_timesteps;
  std::vector<double> levels = shifted_levels(choice.sigmas, flow_shift);
  if (choice.sigmas.empty()) {
    const std::vector<double> alphas = linspace(1, 1 / train, n + 1);
    for (int i = n; i > 0; --i) levels.push_back(shifted(flow_shift, 1 - alphas[static_cast<size_t>(i)]));
  }
  return whole_timesteps(levels, num_train_timesteps);
}

FlowMatchOptions FlowMatchOptions::read(ConfigReader& config) {
  FlowMatchOptions o;
  o.num_train_timesteps = config.integer("num_train_timesteps", o.num_train_timesteps, 1, 1'000'000);
  o.shift = config.positive("shift", o.shift);
  o.use_dynamic_shifting = config.flag("use_dynamic_shifting", o.use_dynamic_shifting);
  o.shift_terminal = read_shift_terminal(config);
  o.sigma_schedule = read_sigma_schedule(config);
  // The time of networks that learned to go from data to noise, which none of Swan's did.
  config.refuse("invert_sigmas");
  // What a pipeline may make the shift of a size from; both types of shift are this run's shift.
  config.ignore({"base_shift", "max_shift", "base_image_seq_len", "max_image_seq_len", "time_shift_type"});
  return o;
}

nlohmann::json FlowMatchOptions::describe(const char* class_name) const {
  nlohmann::json j = {{"_class_name", class_name}, {"shift", shift}, {"num_train_timesteps", num_train_timesteps}};
  if (use_dynamic_shifting) j["use_dynamic_shifting"] = true;
  if (shift_terminal > 0) j["shift_terminal"] = shift_terminal;
  if (sigma_schedule != SigmaSchedule::kSimple) j[config_key(sigma_schedule)] = true;
  return j;
}

double read_shift_terminal(ConfigReader& config) {
  const double terminal = config.number("shift_terminal", 0);
  if (!(terminal >= 0 && terminal < 1))
    fail(ErrorCode::kCorruptFile, "{}: 'shift_terminal' is {}, expected a number from 0, below 1; correct it.",
         config.path(), terminal);
  return terminal;
}

namespace {

// Shifts, stretches and spreads levels, in the type that the reference has them in.
template <typename T>
std::vector<float> bent(std::vector<T> levels, const FlowMatchOptions& o) {
  for (T& sigma : levels)
    sigma = o.use_dynamic_shifting ? static_cast<T>(o.shift) / (static_cast<T>(o.shift) + (1 / sigma - 1))
                                   : shifted(o.shift, sigma);
  if (o.shift_terminal > 0) stretch_to_terminal(levels, o.shift_terminal);
  if (o.sigma_schedule != SigmaSchedule::kSimple) {
    const std::vector<double> spread =
        spread_sigmas(o.sigma_schedule, levels.front(), levels.back(), static_cast<int>(levels.size()));
    return {spread.begin(), spread.end()};
  }
  return {levels.begin(), levels.end()};
}

}  // namespace

// The ends of the training table are shifted in f32; evenly spaced points between them (in f64), or what is given (in
// f32), are shifted again, and the result is kept in f32.
Schedule flow_match_schedule(const TimestepChoice& choice, const FlowMatchOptions& o) {
  const auto train = static_cast<float>(o.num_train_timesteps);
  const auto end = [&](float t) {
    return static_cast<double>(o.use_dynamic_shifting ? t / train : shifted(o.shift, t / train)) *
           o.num_train_timesteps;
  };
  Schedule s;
  if (choice.sigmas.empty() && choice.timesteps.empty()) {
    std::vector<double> levels = linspace(end(train), end(1), choice.num_inference_steps);
    for (double& t : levels) t /= o.num_train_timesteps;
    s.sigmas = bent(std::move(levels), o);
  } else {
    const std::vector<double>& given = choice.sigmas.empty() ? choice.timesteps : choice.sigmas;
    std::vector<float> levels(given.begin(), given.end());
    if (choice.sigmas.empty()) {
      s.timesteps = levels;
      for (float& t : levels) t /= train;
    }
    s.sigmas = bent(std::move(levels), o);
  }
  if (s.timesteps.empty())
    for (const float sigma : s.sigmas) s.timesteps.push_back(sigma * train);
  s.sigmas.push_back(0);
  return s;
}

Tensor renoise(const Tensor& sample, const Tensor& velocity, const Tensor& noise, float sigma, float sigma_next,
               Context& ctx) {
  Tensor x0 = ops::linear_combination(std::array{1.0F, -sigma}, std::array{sample, velocity}, ctx);
  if (sigma_next == 0) return x0;
  return ops::linear_combination(std::array{1 - sigma_next, sigma_next}, std::array{x0, noise}, ctx);
}

}  // namespace swan::schedulers

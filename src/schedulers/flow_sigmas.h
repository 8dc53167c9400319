#pragma once

#include "schedulers/config.h"
#include "schedulers/scheduler.h"
#include "schedulers/sigma_schedules.h"

namespace swan::schedulers {

/// The noise level `sigma` of an evenly spaced flow, moved towards noise: shift * sigma / (1 + (shift - 1) * sigma).
/// As Python has it: the shift and shift - 1 are f64 and meet an f32 sigma rounded to f32.
template <typename T>
[[nodiscard]] T shifted(double shift, T sigma) {
  return static_cast<T>(shift) * sigma / (1 + static_cast<T>(shift - 1) * sigma);
}

/// The schedule of levels made in f64, which are kept in f32; the network sees timesteps cut to whole numbers.
[[nodiscard]] Schedule whole_timesteps(const std::vector<double>& levels, int num_train_timesteps);

/// The points of the DPM-Solvers over a flow, n evenly spaced ones that leave the ends out; or the levels given,
/// shifted. (The reference's DPM-Solvers
/// take no levels; they are treated as its UniPC treats them.)
/// Ref: diffusers scheduling_dpmsolver_multistep.py, set_timesteps
[[nodiscard]] Schedule dpm_schedule(const TimestepChoice& choice, double flow_shift, int num_train_timesteps);

/// Levels stretched so that the last is `terminal` and noise alone stays noise alone, in the type of the levels.
/// Ref: diffusers scheduling_flow_match_euler_discrete.py, stretch_shift_to_terminal
template <typename T>
void stretch_to_terminal(std::vector<T>& sigmas, double terminal) {
  const T scale = (1 - sigmas.back()) / static_cast<T>(1 - terminal);
  for (T& sigma : sigmas) sigma = 1 - (1 - sigma) / scale;
}

/// Levels of a solver in log(alpha / sigma): shifted, stretched where there is a terminal, and kept off sigma 1, where
/// that is infinite. Ref: diffusers scheduling_unipc_multistep.py, set_timesteps
[[nodiscard]] std::vector<double> shifted_levels(const std::vector<double>& sigmas, double flow_shift,
                                                 double shift_terminal = 0);

/// Which levels FlowMatchEulerDiscreteScheduler and FlowMatchLCMScheduler go through; names and defaults are theirs.
struct FlowMatchOptions {
  int num_train_timesteps = 1000;
  double shift = 1;  ///< with use_dynamic_shifting the shift of this run: exp(mu), or mu of time_shift_type "linear"
  bool use_dynamic_shifting = false;  ///< the ends of the training table are not shifted too
  double shift_terminal = 0;          ///< the last level before 0; 0: as it comes
  SigmaSchedule sigma_schedule = SigmaSchedule::kSimple;

  /// @throws Error kUnsupported naming an option that is not implemented and its value; kCorruptFile
  [[nodiscard]] static FlowMatchOptions read(ConfigReader& config);
  [[nodiscard]] nlohmann::json describe(const char* class_name) const;
};

/// The points of those two. Levels or timesteps that are given are shifted, stretched and spread as the solver's own
/// are; the network sees given timesteps as they are.
/// Ref: diffusers scheduling_flow_match_euler_discrete.py, set_timesteps
[[nodiscard]] Schedule flow_match_schedule(const TimestepChoice& choice, const FlowMatchOptions& options);

/// shift_terminal of a configuration, 0 where there is none. @throws Error kCorruptFile
[[nodiscard]] double read_shift_terminal(ConfigReader& config);

/// The step of a network that was distilled to predict x0 from everywhere: x0 = sample - sigma * velocity, with fresh
/// noise up to the next level, (1 - sigma_next) * x0 + sigma_next * noise.
[[nodiscard]] Tensor renoise(const Tensor& sample, const Tensor& velocity, const Tensor& noise, float sigma,
                             float sigma_next, Context& ctx);

}  // namespace swan::schedulers

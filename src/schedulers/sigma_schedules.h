#pragma once

#include <string>
#include <utility>
#include <vector>

#include "schedulers/config.h"

namespace swan::schedulers {

/// How the noise levels of a run lie between the largest and the smallest.
enum class SigmaSchedule {
  kSimple,       ///< evenly, and then shifted: the flow's own
  kKarras,       ///< evenly in sigma^(1/7). Ref: Karras et al. 2022 (arXiv:2206.00364)
  kExponential,  ///< evenly in log sigma
  kBeta          ///< at quantiles of the beta distribution (0.6, 0.6). Ref: Lee et al. 2024 (arXiv:2407.12173)
};

/// By name: "simple", "karras", "exponential", "beta". @throws Error kInvalidArgument listing them
[[nodiscard]] SigmaSchedule sigma_schedule_named(const std::string& name);
/// The key of a scheduler_config.json that asks for it; empty for kSimple.
[[nodiscard]] std::string config_key(SigmaSchedule schedule);
/// What use_karras_sigmas, use_exponential_sigmas and use_beta_sigmas ask for.
/// @throws Error kCorruptFile where more than one is set
[[nodiscard]] SigmaSchedule read_sigma_schedule(ConfigReader& config);

/// n noise levels from `largest` down to `smallest`, of which one alone is the largest. Computed in f64, as numpy does.
/// @param schedule  none but kSimple, which is the solver's own affair
/// Ref: diffusers scheduling_euler_discrete.py, _convert_to_karras, _convert_to_exponential, _convert_to_beta
[[nodiscard]] std::vector<double> spread_sigmas(SigmaSchedule schedule, double largest, double smallest, int n);

/// numpy.linspace(start, stop, n)
[[nodiscard]] std::vector<double> linspace(double start, double stop, int n);

}  // namespace swan::schedulers

#include "schedulers/sigma_schedules.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"
#include "swan/pipeline.h"

namespace swan {

std::vector<std::pair<std::string, std::string>> sigma_schedule_names() {
  return {{"simple", "evenly spaced and shifted: the flow's own, and the usual one"},
          {"karras", "denser at low noise"},
          {"exponential", "evenly spaced in the logarithm of the noise: denser still at low noise"},
          {"beta", "denser at both ends"}};
}

namespace schedulers {

namespace {

constexpr std::array<std::pair<SigmaSchedule, const char*>, 3> kKeys = {
    {{SigmaSchedule::kKarras, "use_karras_sigmas"},
     {SigmaSchedule::kExponential, "use_exponential_sigmas"},
     {SigmaSchedule::kBeta, "use_beta_sigmas"}}};

constexpr double kA = 0.6;  // both parameters of the beta distribution, which is symmetric

// The share of the distribution below x, of at most 1/2, by the power series of its density; the terms fall by at least
// half each.
double beta_distribution(double x, double whole) {
  double sum = 0;
  double term = 1;
  for (int k = 0; k < 64; ++k) {
    sum += term / (kA + k);
    term *= (k + 1 - kA) / (k + 1) * x;
  }
  return std::pow(x, kA) * sum / whole;
}

// Its inverse, by Newton's method: the distribution is concave up to 1/2, so that after the first step the values climb
// to the root.
double beta_quantile(double p) {
  if (p > 0.5) return 1 - beta_quantile(1 - p);
  if (p <= 0) return 0;
  const double whole = std::tgamma(kA) * std::tgamma(kA) / std::tgamma(2 * kA);
  double x = std::min(std::pow(p * kA * whole, 1 / kA), 0.5);
  for (int i = 0; i < 50; ++i) {
    const double density = std::pow(x * (1 - x), kA - 1) / whole;
    const double next = std::clamp(x - (beta_distribution(x, whole) - p) / density, x / 8, 0.5);
    if (std::abs(next - x) <= 1e-16 * x) break;
    x = next;
  }
  return x;
}

}  // namespace

SigmaSchedule sigma_schedule_named(const std::string& name) {
  constexpr std::array kAll = {SigmaSchedule::kSimple, SigmaSchedule::kKarras, SigmaSchedule::kExponential,
                               SigmaSchedule::kBeta};
  std::string known;
  const auto names = sigma_schedule_names();
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].first == name) return kAll[i];
    known += (known.empty() ? "" : ", ") + names[i].first;
  }
  fail(ErrorCode::kInvalidArgument, "unknown sigma_schedule '{}'; choose one of {}.", name, known);
}

std::string config_key(SigmaSchedule schedule) {
  for (const auto& [known, key] : kKeys)
    if (known == schedule) return key;
  return "";
}

SigmaSchedule read_sigma_schedule(ConfigReader& config) {
  SigmaSchedule found = SigmaSchedule::kSimple;
  for (const auto& [schedule, key] : kKeys) {
    if (!config.flag(key, false)) continue;
    if (found != SigmaSchedule::kSimple)
      fail(ErrorCode::kCorruptFile, "{}: both '{}' and '{}' are true; only one of them can be.", config.path(),
           config_key(found), key);
    found = schedule;
  }
  return found;
}

std::vector<double> linspace(double start, double stop, int n) {
  std::vector<double> points;
  points.reserve(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i) points.push_back(i == 0 ? start : i * ((stop - start) / (n - 1)) + start);
  if (n > 1) points.back() = stop;
  return points;
}

std::vector<double> spread_sigmas(SigmaSchedule schedule, double largest, double smallest, int n) {
  constexpr double kRho = 7;
  const auto at = [&](double ramp) {
    if (schedule == SigmaSchedule::kBeta) return smallest + beta_quantile(1 - ramp) * (largest - smallest);
    const double first = std::pow(largest, 1 / kRho);
    return std::pow(first + ramp * (std::pow(smallest, 1 / kRho) - first), kRho);
  };
  std::vector<double> sigmas;
  sigmas.reserve(static_cast<size_t>(n));
  if (schedule == SigmaSchedule::kExponential) {
    for (const double x : linspace(std::log(largest), std::log(smallest), n)) sigmas.push_back(std::exp(x));
  } else {
    for (const double ramp : linspace(0, 1, n)) sigmas.push_back(at(ramp));
  }
  return sigmas;
}

}  // namespace schedulers

}  // namespace swan

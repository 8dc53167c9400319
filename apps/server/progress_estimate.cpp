#include "server/progress_estimate.h"

#include <algorithm>
#include <array>

namespace swan::server {

namespace {
constexpr std::array kStages = {"load", "encode", "denoise", "decode"};
}

void StageShares::learn(const std::string& model, const std::vector<std::pair<std::string, double>>& seconds) {
  double total = 0;
  std::map<std::string, double> shares;
  for (const auto& [stage, time] : seconds) {
    if (std::find(kStages.begin(), kStages.end(), stage) == kStages.end()) continue;
    shares[stage] += time;
    total += time;
  }
  if (total <= 0) return;
  for (auto& [stage, share] : shares) share /= total;
  const std::lock_guard lock(mutex_);
  shares_[model] = std::move(shares);
}

std::map<std::string, double> StageShares::of(const std::string& model) const {
  const std::lock_guard lock(mutex_);
  const auto found = shares_.find(model);
  if (found != shares_.end()) return found->second;
  return {{"encode", 0.1}, {"denoise", 0.75}, {"decode", 0.15}};
}

JobProgress ProgressEstimate::update(const std::string& stage, int done, int total, Clock::time_point now) {
  double fraction = 0;
  for (const char* known : kStages) {
    const auto share = shares_.find(known);
    const double weight = share == shares_.end() ? 0 : share->second;
    if (stage == known) {
      fraction += total > 0 ? weight * std::clamp(static_cast<double>(done) / total, 0.0, 1.0) : 0;
      break;
    }
    fraction += weight;
  }
  fraction = (part_ + fraction) / parts_;
  fraction_ = std::clamp(std::max(fraction_, fraction), 0.0, 1.0);  // stages may alternate; it never goes back
  JobProgress progress = {.stage = stage, .step = done, .steps = total, .fraction = fraction_, .eta_seconds = {}};
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  if (fraction_ > 0.02) progress.eta_seconds = elapsed * (1 - fraction_) / fraction_;
  return progress;
}

}  // namespace swan::server

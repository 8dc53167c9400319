#pragma once

#include <map>
#include <mutex>
#include <string>

#include "server/http/clock.h"
#include "server/job.h"

namespace swan::server {

/// What share of a run each stage takes, learned from the runs before: so that one number says how far a job is.
/// Thread-safe.
class StageShares {
 public:
  /// Learns from a finished run. @param model  runs of one model are alike
  void learn(const std::string& model, const std::vector<std::pair<std::string, double>>& seconds);
  /// Shares of encode, denoise and decode, which add up to 1.
  [[nodiscard]] std::map<std::string, double> of(const std::string& model) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::map<std::string, double>> shares_;
};

/// Turns a pipeline's stages and steps into how far a run is, and when it will be done.
class ProgressEstimate {
 public:
  /// @param parts  how many runs make it, one after the other and equally long
  explicit ProgressEstimate(std::map<std::string, double> shares, int parts = 1)
      : shares_(std::move(shares)), parts_(parts) {}
  /// A part begins. @param part  from 0
  void begin(int part) { part_ = part; }
  [[nodiscard]] JobProgress update(const std::string& stage, int done, int total, Clock::time_point now = Clock::now());

 private:
  const std::map<std::string, double> shares_;
  const int parts_;
  int part_ = 0;
  Clock::time_point start_ = Clock::now();
  double fraction_ = 0;
};

}  // namespace swan::server

#pragma once

#include <chrono>
#include <string>

#include "core/context.h"
#include "swan/pipeline.h"

namespace swan::pipelines {

/// Tells the caller how far a run has come, and keeps the time of each stage.
class Stages {
 public:
  explicit Stages(const Callbacks& callbacks) : callbacks_(callbacks) {}

  /// Ends the stage before and begins this one. @param total  steps, 0 when unknown
  void begin(const std::string& name, int total);
  /// One more step of the current stage is done.
  void step();
  void end();
  [[nodiscard]] const std::vector<std::pair<std::string, double>>& seconds() const noexcept { return seconds_; }

 private:
  void report() const;

  const Callbacks& callbacks_;
  std::string name_;
  int done_ = 0, total_ = 0;
  std::chrono::steady_clock::time_point start_;
  std::vector<std::pair<std::string, double>> seconds_;
};

/// @param x      f32
/// @param where  the stage, for the message: "denoising step 3 of 20 (transformer)"
/// @throws Error kNumerical naming it, how many values are bad, and the remedy, when x holds NaN or infinity
void check_finite(const Tensor& x, const std::string& where, Context& ctx);

}  // namespace swan::pipelines

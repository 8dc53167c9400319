#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/context.h"
#include "core/device.h"
#include "swan/pipeline.h"

namespace swan::pipelines {

/// Tells the caller how far a run has come, and keeps the time of each stage.
class Stages {
 public:
  /// @param device  that the stages compute on; null: the host
  Stages(const Callbacks& callbacks, Device* device) : callbacks_(callbacks), device_(device) {}

  /// Ends the stage before and begins this one. @param total  steps, 0 when unknown
  void begin(const std::string& name, int total);
  /// One more step of the current stage is done, or asked for on a device. There the host stays at most one step ahead:
  /// this waits for the step before, so that progress tells what is done and a run can be cancelled, and the device
  /// still has work.
  void step();
  void end();
  [[nodiscard]] const std::vector<std::pair<std::string, double>>& seconds() const noexcept { return seconds_; }
  /// The largest resident set within each stage, in bytes: exact where the stage raised the process's, else the largest
  /// that was seen at its steps. (The system's count could be begun anew, but others read it too.)
  [[nodiscard]] const std::vector<std::pair<std::string, size_t>>& peaks() const noexcept { return peaks_; }

  /// Whether someone watches: Callbacks::preview is set and may be called.
  [[nodiscard]] bool watched() const noexcept { return callbacks_.preview && !callbacks_.inspect; }
  /// Whether it is time for Callbacks::preview of the step that is about to end; never of the stage's last one, whose
  /// result comes anyway. @param step  of the stage, from 1
  [[nodiscard]] bool preview_due(int step);
  void preview(Image picture, int64_t index, int step) const;

  /// Shows a picture to Callbacks::inspect. A blocked one comes back empty: width and height stay, the pixels go.
  /// @return  false when it was blocked
  /// @throws Error kInvalidArgument when the inspector changed the size
  bool inspect(Image& picture, const std::string& prompt, int64_t index, int64_t frame = 0, int64_t frames = 1) const;

 private:
  void finish(size_t pending);  // waits until at most so many steps are not done
  void report() const;

  const Callbacks& callbacks_;
  Device* device_;
  std::deque<std::unique_ptr<Mark>> pending_;  // of steps that the device has not been seen to finish
  std::string name_;
  int done_ = 0, total_ = 0;
  std::chrono::steady_clock::time_point start_;
  std::optional<std::chrono::steady_clock::time_point> previewed_;  // when a preview was last due
  std::vector<std::pair<std::string, double>> seconds_;
  std::vector<std::pair<std::string, size_t>> peaks_;
  size_t before_ = 0;  ///< the process's largest resident set before the current stage
  size_t seen_ = 0;    ///< the largest resident set at the current stage's steps
};

/// The prompt of that number; empty where embeddings were given instead of prompts.
[[nodiscard]] std::string prompt_of(const std::vector<std::string>& prompts, int64_t index);

}  // namespace swan::pipelines

#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/job.h"
#include "swan/error.h"

namespace swan::cli {

/// Embeds prompts, or negative prompts, with the pipeline of a job.
using Embed = std::function<PromptEmbeddings(const std::vector<std::string>& prompts, bool negative)>;

/// What the pipeline is asked for, one after another: one request for most jobs; one for each line of --prompts, each
/// the very request of a command of its own; one for each point of --interpolate.
template <typename Request>
class Runs {
 public:
  /// @param guided  whether the negative prompt matters
  /// @param embed   for --interpolate: called for both prompts at once, and for the negative one
  Runs(const Job<Request>& job, bool guided, const Embed& embed);

  [[nodiscard]] size_t size() const noexcept { return size_; }
  [[nodiscard]] Request request(size_t index) const;
  /// Pictures or videos that each request makes.
  [[nodiscard]] size_t outputs() const noexcept { return outputs_; }
  /// "line 3 of 'prompts.txt'" or "2 of 5", for messages; empty for the only one.
  [[nodiscard]] std::string name(size_t index) const;
  /// What to record beside the pipeline's settings: where between two prompts it lies. Empty for others.
  [[nodiscard]] nlohmann::ordered_json settings(size_t index) const;

 private:
  [[nodiscard]] double position(size_t index) const {
    return static_cast<double>(index) / static_cast<double>(size_ - 1);
  }

  const Job<Request>& job_;
  size_t size_ = 1;
  size_t outputs_;
  PromptEmbeddings from_, to_, negative_;  ///< of --interpolate
};

extern template class Runs<ImageRequest>;
extern template class Runs<VideoRequest>;

/// What stopped a run, with its name and with what is complete already.
/// @param noun  "picture" or "video"
[[nodiscard]] Error failed_run(const Error& error, const std::string& name, const std::string& noun,
                               const std::vector<std::string>& files);

/// Says that a run was stopped. @param files  that are complete already
[[nodiscard]] Error cancelled_run(const std::vector<std::string>& files);

/// Adds the seconds of each stage to those of the runs before.
void add_seconds(const std::vector<std::pair<std::string, double>>& seconds,
                 std::vector<std::pair<std::string, double>>& sums);

}  // namespace swan::cli

#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "server/job.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/model_pool.h"
#include "server/progress_estimate.h"
#include "server/result_store.h"
#include "swan/error.h"

namespace swan::server {

/// Jobs that are computed together. All of them are finished once one of them is no longer running.
struct Batch {
  std::vector<JobPointer> jobs;
  std::atomic<bool> cancel{false};  ///< the engine stops within one step
  /// Sets `cancel` once no job of it is left.
  void cancel_if_all_finished() noexcept;
};

/// Computes batches: asks the engine, reports progress and previews, stores results. For one thread.
class Runner {
 public:
  Runner(const ServerSettings& settings, ModelPool& models, ResultStore& store, Log& log)
      : settings_(settings), models_(models), store_(store), log_(log) {}

  /// Jobs are running when it begins and finished when it returns. @param removed  jobs whose results had to go
  void run(Batch& batch, const std::function<void(const std::vector<std::string>&)>& removed);

 private:
  void compute(Batch& batch, const std::vector<JobPointer>& jobs);
  void compute_images(Batch& batch, const std::vector<JobPointer>& jobs);
  void compute_video(Batch& batch, const JobPointer& job);
  [[nodiscard]] Callbacks callbacks_for(Batch& batch, const std::vector<JobPointer>& jobs, ProgressEstimate& estimate);
  void show_preview(const Preview& preview, const std::vector<JobPointer>& jobs);
  void store(const JobPointer& job, std::vector<JobResult> results);
  void fail(const JobPointer& job, const Error& error);
  [[nodiscard]] nlohmann::json public_parameters(const std::string& text, const JobRequest& request,
                                                 uint64_t seed) const;

  const ServerSettings& settings_;
  ModelPool& models_;
  ResultStore& store_;
  Log& log_;
  StageShares shares_;
  std::function<void(const std::vector<std::string>&)> removed_;
};

}  // namespace swan::server

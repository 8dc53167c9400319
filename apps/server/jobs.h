#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "server/job_queue.h"
#include "server/runner.h"

namespace swan::server {

/// All jobs that the server knows, and the threads that compute and clean up. Thread-safe.
class Jobs {
 public:
  Jobs(const ServerSettings& settings, ModelPool& models, ResultStore& store, Metrics& metrics, Log& log);
  ~Jobs();
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;

  /// Queues a checked request.
  /// @throws ApiError 429 where the queue or the client's part of it is full, 503 while the server stops
  [[nodiscard]] JobPointer submit(JobRequest request, const std::string& owner, const std::string& request_id);
  [[nodiscard]] JobPointer find(const std::string& id) const;
  /// A client's jobs, newest first.
  [[nodiscard]] std::vector<JobPointer> list(const std::string& owner) const;
  /// What is finished stays as it is.
  void cancel(const JobPointer& job, const std::string& reason);
  /// Cancels and forgets it, with its results.
  void remove(const JobPointer& job);

  /// Takes no more jobs and answers those that wait; the running ones may finish, at most until the settings' drain
  /// timeout, and are then ended. Returns when nothing is left to compute.
  void drain();
  [[nodiscard]] bool draining() const noexcept { return draining_; }

  [[nodiscard]] Gauges gauges() const;
  /// Seconds until there is room in the queue, estimated from what the running jobs have left, or what those before
  /// took.
  [[nodiscard]] int retry_after() const;

 private:
  void work();
  void clean_up();
  void clean_up_once(double now);
  void forget(const std::vector<std::string>& ids);
  void account(const JobPointer& job);

  const ServerSettings& settings_;
  ModelPool& models_;
  ResultStore& store_;
  Metrics& metrics_;
  Log& log_;
  Runner runner_;
  JobQueue queue_;

  mutable std::mutex mutex_;
  std::map<std::string, JobPointer> jobs_;
  std::shared_ptr<Batch> batch_;  ///< that is computed now
  double batch_seconds_ = 1;      ///< what one took lately
  std::atomic<bool> draining_{false};
  bool worker_done_ = false;
  bool stop_cleaning_ = false;
  std::condition_variable changed_;
  std::thread worker_, cleaner_;
};

}  // namespace swan::server

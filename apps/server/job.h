#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "server/event_log.h"
#include "server/http/clock.h"
#include "server/job_request.h"

namespace swan::server {

enum class Status { kQueued, kRunning, kSucceeded, kFailed, kCancelled };
[[nodiscard]] const char* status_name(Status status) noexcept;
[[nodiscard]] inline bool is_finished(Status status) noexcept { return status > Status::kRunning; }

/// A file that a job made.
struct JobResult {
  std::string file;  ///< its name within the job's folder: "0.png"
  std::string content_type;
  uint64_t bytes = 0;
  int64_t width = 0, height = 0;
  std::optional<int64_t> num_frames;
  std::optional<double> fps;
  uint64_t seed = 0;
  nlohmann::json parameters;
};

struct JobProgress {
  std::string stage;
  int step = 0, steps = 0;
  double fraction = 0;  ///< of the whole job
  std::optional<double> eta_seconds;
};

struct JobError {
  int status = 500;  ///< as an answer to whoever waits for it
  std::string code, message;
};

/// What of a job changes, at one moment.
struct JobState {
  Status status = Status::kQueued;
  double started_at = 0, finished_at = 0;  ///< Unix time; 0: not yet
  double expires_at = 0;                   ///< when its results are removed; 0: it has none
  std::optional<int> queue_position;       ///< from 1
  std::optional<JobProgress> progress;
  std::vector<JobResult> results;
  std::optional<JobError> error;
};

/// One job from its request to its results. Thread-safe.
class Job {
 public:
  Job(JobRequest what, std::string owner_name);
  /// One that is read back from the disk, finished.
  Job(std::string id_, std::string owner_name, std::string token_, JobRequest what, double created, JobState state);

  const std::string id;
  const std::string owner;  ///< the client that may see it
  const std::string token;  ///< that stands for the owner's key in URLs
  const JobRequest request;
  const double created_at;  ///< Unix time

  [[nodiscard]] JobState state() const;
  [[nodiscard]] Status status() const;
  [[nodiscard]] const EventLog& events() const noexcept { return events_; }

  void set_position(int position);
  /// @return false where it was cancelled before
  [[nodiscard]] bool start(int batch);
  void set_progress(const JobProgress& progress);
  void add_preview(int step, int steps, const std::string& data_url);
  /// The first of these three counts; they are false afterwards.
  bool succeed(std::vector<JobResult> results, double finished_at, double expires_at);
  bool fail(int status, const std::string& code, const std::string& message);
  bool cancel(const std::string& reason);

  /// Waits until it is finished, at most so long.
  [[nodiscard]] bool wait_finished(std::chrono::milliseconds most) const;

 private:
  bool finish(Status status, const char* event, const std::function<void(JobState&)>& fill);

  mutable std::mutex mutex_;
  mutable std::condition_variable finished_;
  JobState state_;
  EventLog events_;
};

using JobPointer = std::shared_ptr<Job>;

/// Now, as Unix time with fractions.
[[nodiscard]] double unix_time();

}  // namespace swan::server

#include "server/job.h"

#include <chrono>

#include "server/job_json.h"
#include "server/random.h"

namespace swan::server {

const char* status_name(Status status) noexcept {
  switch (status) {
    case Status::kQueued:
      return "queued";
    case Status::kRunning:
      return "running";
    case Status::kSucceeded:
      return "succeeded";
    case Status::kFailed:
      return "failed";
    case Status::kCancelled:
      return "cancelled";
  }
  return "failed";
}

bool same_shape(const JobRequest& a, const JobRequest& b) {
  return a.kind == b.kind && a.model == b.model && a.width == b.width && a.height == b.height &&
         a.num_frames == b.num_frames && a.num_inference_steps == b.num_inference_steps &&
         a.guidance_scale == b.guidance_scale && a.flow_shift == b.flow_shift && a.scheduler == b.scheduler &&
         a.loras == b.loras;
}

double unix_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Job::Job(JobRequest what, std::string owner_name)
    : id(new_job_id()),
      owner(std::move(owner_name)),
      token(random_word(26)),
      request(std::move(what)),
      created_at(unix_time()) {}

Job::Job(std::string id_, std::string owner_name, std::string token_, JobRequest what, double created, JobState state)
    : id(std::move(id_)),
      owner(std::move(owner_name)),
      token(std::move(token_)),
      request(std::move(what)),
      created_at(created),
      state_(std::move(state)) {
  events_.close("done", job_json(*this, state_).dump());
}

JobState Job::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

Status Job::status() const {
  const std::lock_guard lock(mutex_);
  return state_.status;
}

void Job::set_position(int position) {
  {
    const std::lock_guard lock(mutex_);
    if (state_.status != Status::kQueued || state_.queue_position == position) return;
    state_.queue_position = position;
  }
  events_.add("queued", nlohmann::json{{"queue_position", position}}.dump());
}

bool Job::start(int batch) {
  double now = 0;
  {
    const std::lock_guard lock(mutex_);
    if (state_.status != Status::kQueued) return false;
    state_.status = Status::kRunning;
    state_.queue_position.reset();
    state_.started_at = now = unix_time();
  }
  events_.add("started", nlohmann::json{{"started_at", now}, {"batch", batch}}.dump());
  return true;
}

void Job::set_progress(const JobProgress& progress) {
  {
    const std::lock_guard lock(mutex_);
    if (state_.status != Status::kRunning) return;
    state_.progress = progress;
  }
  events_.add("progress", progress_json(progress).dump());
}

void Job::add_preview(int step, int steps, const std::string& data_url) {
  if (status() != Status::kRunning) return;
  events_.add("preview", nlohmann::json{{"step", step}, {"steps", steps}, {"image", data_url}}.dump());
}

bool Job::succeed(std::vector<JobResult> results, double finished_at, double expires_at) {
  return finish(Status::kSucceeded, "done", [&](JobState& state) {
    state.results = std::move(results);
    state.finished_at = finished_at;
    state.expires_at = expires_at;
  });
}

bool Job::fail(int status, const std::string& code, const std::string& message) {
  return finish(Status::kFailed, "failed", [&](JobState& state) {
    JobError& error = state.error.emplace();
    error.status = status;
    error.code = code;
    error.message = message;
    state.finished_at = unix_time();
  });
}

bool Job::cancel(const std::string& reason) {
  return finish(Status::kCancelled, "cancelled", [&](JobState& state) {
    JobError& error = state.error.emplace();
    error.status = 409;
    error.code = "cancelled";
    error.message = reason;
    state.finished_at = unix_time();
  });
}

bool Job::finish(Status status, const char* event, const std::function<void(JobState&)>& fill) {
  JobState copy;
  {
    const std::lock_guard lock(mutex_);
    if (is_finished(state_.status)) return false;
    fill(state_);
    state_.status = status;
    state_.queue_position.reset();
    state_.progress.reset();
    copy = state_;
  }
  // A message of the engine's may name a file, whose name need not be UTF-8.
  events_.close(event, job_json(*this, copy).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  finished_.notify_all();
  return true;
}

bool Job::wait_finished(std::chrono::milliseconds most) const {
  std::unique_lock lock(mutex_);
  return finished_.wait_for(lock, most, [this] { return is_finished(state_.status); });
}

}  // namespace swan::server

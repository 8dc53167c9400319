#include "server/jobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "server/api_error.h"

namespace swan::server {

namespace {

// Failed and cancelled jobs have no results that a disk would hold; a while, and so many, their clients can ask for.
constexpr double kForgetFailedAfter = 3600;
constexpr size_t kMostFailed = 1000;

bool newer(const JobPointer& a, const JobPointer& b) {
  return a->created_at != b->created_at ? a->created_at > b->created_at : a->id > b->id;
}

}  // namespace

Jobs::Jobs(const ServerSettings& settings, ModelPool& models, ResultStore& store, Metrics& metrics, Log& log)
    : settings_(settings),
      models_(models),
      store_(store),
      metrics_(metrics),
      log_(log),
      runner_(settings, models, store, log),
      queue_(settings.max_queue, settings.max_queue_per_client) {
  const auto complain = [&](const std::string& message) {
    log_.write(LogLevel::kWarning, "result_unreadable", {{"message", message}});
  };
  for (JobPointer& job : store_.load(complain)) jobs_[job->id] = std::move(job);
  clean_up_once(unix_time());
  worker_ = std::thread([this] { work(); });
  cleaner_ = std::thread([this] { clean_up(); });
}

Jobs::~Jobs() {
  drain();
  {
    const std::lock_guard lock(mutex_);
    stop_cleaning_ = true;
  }
  changed_.notify_all();
  worker_.join();
  cleaner_.join();
}

JobPointer Jobs::submit(JobRequest request, const std::string& owner, const std::string& request_id) {
  auto job = std::make_shared<Job>(std::move(request), owner);
  {
    const std::lock_guard lock(mutex_);
    jobs_[job->id] = job;
  }
  const JobQueue::Push pushed = queue_.push(job);
  if (pushed == JobQueue::Push::kTaken) {
    log_.write(LogLevel::kInfo, "job_queued",
               {{"job", job->id},
                {"request_id", request_id},
                {"client", owner},
                {"kind", kind_name(job->request.kind)},
                {"model", job->request.model}});
    return job;
  }
  {
    const std::lock_guard lock(mutex_);
    jobs_.erase(job->id);
  }
  if (pushed == JobQueue::Push::kClosed) {
    metrics_.refused("stopping");
    throw ApiError(503, "stopping", "the server is stopping and takes no more jobs; try again later").retry_in(10);
  }
  const bool full = pushed == JobQueue::Push::kFull;
  metrics_.refused(full ? "queue_full" : "client_queue_full");
  throw ApiError(429, full ? "queue_full" : "client_queue_full",
                 full ? "the queue is full; try again later"
                      : "too many of your jobs are waiting already; try again later, or cancel some")
      .retry_in(retry_after());
}

JobPointer Jobs::find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(id);
  return found == jobs_.end() ? nullptr : found->second;
}

std::vector<JobPointer> Jobs::list(const std::string& owner) const {
  std::vector<JobPointer> jobs;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, job] : jobs_) {
      if (job->owner == owner) jobs.push_back(job);
    }
  }
  std::sort(jobs.begin(), jobs.end(), newer);
  return jobs;
}

void Jobs::cancel(const JobPointer& job, const std::string& reason) {
  if (!job->cancel(reason)) return;
  if (queue_.remove(*job)) account(job);
  const std::lock_guard lock(mutex_);
  if (batch_) batch_->cancel_if_all_finished();
}

void Jobs::remove(const JobPointer& job) {
  cancel(job, "it was deleted");
  store_.remove(job->id);
  const std::lock_guard lock(mutex_);
  jobs_.erase(job->id);
}

void Jobs::forget(const std::vector<std::string>& ids) {
  const std::lock_guard lock(mutex_);
  for (const std::string& id : ids) jobs_.erase(id);
}

// Says in metrics and log how a job ended.
void Jobs::account(const JobPointer& job) {
  const JobState state = job->state();
  metrics_.job(job->request.kind, state, job->created_at);
  nlohmann::ordered_json line = {
      {"job", job->id},
      {"client", job->owner},
      {"status", status_name(state.status)},
      {"wait_seconds", (state.started_at > 0 ? state.started_at : state.finished_at) - job->created_at}};
  if (state.started_at > 0) line["run_seconds"] = state.finished_at - state.started_at;
  if (state.error) line["code"] = state.error->code;
  log_.write(LogLevel::kInfo, "job_finished", std::move(line));
}

void Jobs::work() {
  while (true) {
    std::vector<JobPointer> taken = queue_.pop(settings_.max_batch);
    if (taken.empty()) break;
    const auto batch = std::make_shared<Batch>();
    for (const JobPointer& job : taken) {
      if (job->start(static_cast<int>(taken.size()))) {
        batch->jobs.push_back(job);
      } else {
        account(job);  // cancelled on its way
      }
    }
    if (batch->jobs.empty()) continue;
    {
      const std::lock_guard lock(mutex_);
      batch_ = batch;
      batch_->cancel_if_all_finished();
    }
    metrics_.batch(static_cast<int>(batch->jobs.size()));
    const auto began = Clock::now();
    runner_.run(*batch, [this](const std::vector<std::string>& ids) { forget(ids); });
    for (const JobPointer& job : batch->jobs) account(job);
    const std::lock_guard lock(mutex_);
    batch_.reset();
    batch_seconds_ = 0.7 * batch_seconds_ + 0.3 * std::chrono::duration<double>(Clock::now() - began).count();
  }
  {
    const std::lock_guard lock(mutex_);
    worker_done_ = true;
  }
  changed_.notify_all();
}

// Ends jobs that take too long, and removes what is old.
void Jobs::clean_up() {
  std::unique_lock lock(mutex_);
  while (!stop_cleaning_) {
    changed_.wait_for(lock, std::chrono::seconds(1), [this] { return stop_cleaning_; });
    if (stop_cleaning_) return;
    const double now = unix_time();
    if (batch_) {
      for (const JobPointer& job : batch_->jobs) {
        const JobState state = job->state();
        if (state.status == Status::kRunning &&
            now - state.started_at > static_cast<double>(settings_.request_timeout.count())) {
          job->fail(504, "timeout",
                    fmt::format("it took longer than {} s, the most that this server gives a job",
                                settings_.request_timeout.count()));
        }
      }
      batch_->cancel_if_all_finished();
    }
    lock.unlock();
    clean_up_once(now);
    lock.lock();
  }
}

void Jobs::clean_up_once(double now) {
  forget(store_.expire(now));
  std::vector<JobPointer> failed;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, job] : jobs_) {
      const Status status = job->status();
      if (status == Status::kFailed || status == Status::kCancelled) failed.push_back(job);
    }
  }
  std::sort(failed.begin(), failed.end(), newer);
  std::vector<std::string> old;
  for (size_t i = 0; i < failed.size(); ++i) {
    if (i >= kMostFailed || failed[i]->state().finished_at + kForgetFailedAfter < now) old.push_back(failed[i]->id);
  }
  forget(old);
}

void Jobs::drain() {
  draining_ = true;
  for (const JobPointer& job : queue_.close()) {
    job->fail(503, "stopping", "the server is stopping; this job was waiting and was not begun");
    account(job);
  }
  std::unique_lock lock(mutex_);
  if (changed_.wait_for(lock, settings_.drain_timeout, [this] { return worker_done_; })) return;
  if (batch_) {
    for (const JobPointer& job : batch_->jobs) {
      job->fail(503, "stopping", "the server is stopping, and this job took too long to be waited for");
    }
    batch_->cancel = true;
  }
  changed_.wait(lock, [this] { return worker_done_; });
}

Gauges Jobs::gauges() const {
  Gauges gauges;
  gauges.queued = queue_.size();
  gauges.waiting_clients = queue_.clients();
  gauges.models_open = models_.open_models();
  gauges.stored_jobs = store_.jobs();
  gauges.stored_bytes = store_.bytes();
  gauges.ready = !draining_;
  const std::lock_guard lock(mutex_);
  gauges.running = batch_ ? static_cast<int>(batch_->jobs.size()) : 0;
  return gauges;
}

int Jobs::retry_after() const {
  const std::lock_guard lock(mutex_);
  double seconds = batch_seconds_;
  if (batch_) {  // there is room when it makes room for the next
    const JobState running = batch_->jobs.front()->state();
    const bool known = running.progress && running.progress->eta_seconds;
    seconds = known ? *running.progress->eta_seconds : std::max(seconds, unix_time() - running.started_at);
  }
  return static_cast<int>(std::ceil(std::clamp(seconds, 1.0, 600.0)));
}

}  // namespace swan::server

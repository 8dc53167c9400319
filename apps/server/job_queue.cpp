#include "server/job_queue.h"

#include <algorithm>

namespace swan::server {

JobQueue::Push JobQueue::push(const JobPointer& job) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return Push::kClosed;
    if (size_ >= most_) return Push::kFull;
    auto line = std::find_if(lines_.begin(), lines_.end(), [&](const Line& l) { return l.client == job->owner; });
    if (line == lines_.end()) line = lines_.insert(lines_.end(), {job->owner, {}});
    if (static_cast<int>(line->jobs.size()) >= most_of_one_client_) return Push::kClientFull;
    line->jobs.push_back(job);
    ++size_;
    announce_positions();
  }
  changed_.notify_one();
  return Push::kTaken;
}

// All that wait, in the order in which they would be taken one by one.
std::vector<JobPointer> JobQueue::in_order() const {
  std::vector<JobPointer> order;
  for (size_t round = 0; order.size() < static_cast<size_t>(size_); ++round) {
    for (const Line& line : lines_) {
      if (round < line.jobs.size()) order.push_back(line.jobs[round]);
    }
  }
  return order;
}

void JobQueue::take_out(const Job& job) {
  for (auto line = lines_.begin(); line != lines_.end(); ++line) {
    const auto found = std::find_if(line->jobs.begin(), line->jobs.end(),
                                    [&](const JobPointer& waiting) { return waiting->id == job.id; });
    if (found == line->jobs.end()) continue;
    line->jobs.erase(found);
    --size_;
    if (line->jobs.empty()) lines_.erase(line);
    return;
  }
}

std::vector<JobPointer> JobQueue::pop(int most_pictures) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return closed_ || size_ > 0; });
  if (size_ == 0) return {};
  std::vector<JobPointer> batch;
  int pictures = 0;
  for (const JobPointer& job : in_order()) {
    const bool first = batch.empty();
    if (!first && (job->request.kind == Kind::kVideo || pictures + job->request.n > most_pictures ||
                   !same_shape(job->request, batch.front()->request))) {
      continue;
    }
    batch.push_back(job);
    pictures += job->request.n;
  }
  // Whose turn it was goes behind the others.
  lines_.splice(lines_.end(), lines_, lines_.begin());
  for (const JobPointer& job : batch) take_out(*job);
  announce_positions();
  return batch;
}

bool JobQueue::remove(const Job& job) {
  const std::lock_guard lock(mutex_);
  const int before = size_;
  take_out(job);
  if (size_ == before) return false;
  announce_positions();
  return true;
}

std::vector<JobPointer> JobQueue::close() {
  std::vector<JobPointer> waiting;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    waiting = in_order();
    lines_.clear();
    size_ = 0;
  }
  changed_.notify_all();
  return waiting;
}

void JobQueue::announce_positions() const {
  int position = 0;
  for (const JobPointer& job : in_order()) job->set_position(++position);
}

int JobQueue::size() const {
  const std::lock_guard lock(mutex_);
  return size_;
}
int JobQueue::clients() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(lines_.size());
}

}  // namespace swan::server

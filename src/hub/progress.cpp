#include "hub/progress.h"

#include <algorithm>

namespace swan::hub {

ProgressMeter::ProgressMeter(const HubCallbacks& callbacks, std::string stage, int files, uint64_t bytes)
    : callbacks_(callbacks) {
  state_.stage = std::move(stage);
  state_.files = files;
  state_.bytes = bytes;
  samples_.emplace_back(Clock::now(), 0);
}

void ProgressMeter::stage(const std::string& name, const std::string& file) {
  const std::lock_guard lock(mutex_);
  state_.stage = name;
  state_.file = file;
  tell(true);
}

void ProgressMeter::begin_file(const std::string& file) {
  const std::lock_guard lock(mutex_);
  state_.file = file;
  tell(false);
}

void ProgressMeter::end_file() {
  const std::lock_guard lock(mutex_);
  ++state_.files_done;
  tell(false);
}

void ProgressMeter::add_present(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  state_.bytes_done += bytes;
  tell(false);
}

void ProgressMeter::add(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  state_.bytes_done += bytes;
  transferred_ += bytes;
  tell(false);
}

void ProgressMeter::subtract(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  state_.bytes_done -= std::min(bytes, state_.bytes_done);
}

void ProgressMeter::waiting(const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (callbacks_.waiting) callbacks_.waiting(why);
}

void ProgressMeter::finish() {
  const std::lock_guard lock(mutex_);
  tell(true);
}

void ProgressMeter::tell(bool now) {
  constexpr std::chrono::milliseconds kEvery(100);
  constexpr std::chrono::seconds kWindow(8);
  const Clock::time_point time = Clock::now();
  if (!callbacks_.progress || (!now && time - told_ < kEvery)) return;
  told_ = time;
  samples_.emplace_back(time, transferred_);
  while (samples_.size() > 2 && time - samples_.front().first > kWindow) samples_.pop_front();
  const double seconds = std::chrono::duration<double>(time - samples_.front().first).count();
  const double rate = seconds > 0 ? static_cast<double>(transferred_ - samples_.front().second) / seconds : 0;
  state_.bytes_per_second = rate;
  const uint64_t left = state_.bytes - std::min(state_.bytes_done, state_.bytes);
  state_.seconds_left = rate > 0 ? static_cast<double>(left) / rate : -1;
  callbacks_.progress(state_);
}

}  // namespace swan::hub

#include "pipelines/stages.h"

#include <algorithm>

#include "core/error.h"
#include "core/memory.h"
#include "ops/elementwise.h"

namespace swan::pipelines {

void Stages::begin(const std::string& name, int total) {
  end();
  // Another network's turn: what the one before left on the device is older than the pass before this one.
  if (device_ != nullptr)
    for (int i = 0; i < 2; ++i) device_->copies().begin_pass();
  name_ = name;
  done_ = 0;
  total_ = total;
  before_ = peak_resident_bytes();
  seen_ = resident_bytes();
  start_ = std::chrono::steady_clock::now();
  report();
}

void Stages::step() {
  seen_ = std::max(seen_, resident_bytes());
  if (device_ == nullptr) {
    ++done_;
    report();
    return;
  }
  pending_.push_back(device_->mark());
  finish(1);
}

void Stages::finish(size_t pending) {
  for (; pending_.size() > pending; pending_.pop_front()) {
    pending_.front()->wait();
    ++done_;
    report();
  }
}

void Stages::end() {
  if (name_.empty()) return;
  finish(0);
  seconds_.emplace_back(name_, std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count());
  const size_t peak = peak_resident_bytes();
  peaks_.emplace_back(name_, peak > before_ ? peak : std::max(seen_, resident_bytes()));
  name_.clear();
}

bool Stages::preview_due(int step) {
  const auto now = std::chrono::steady_clock::now();
  if (!watched() || step >= total_) return false;
  if (previewed_ && std::chrono::duration<double>(now - *previewed_).count() < callbacks_.preview_interval)
    return false;
  previewed_ = now;
  return true;
}

void Stages::preview(Image picture, int64_t index, int step) const {
  callbacks_.preview({.picture = std::move(picture), .index = index, .step = step, .steps = total_});
}

bool Stages::inspect(Image& picture, const std::string& prompt, int64_t index, int64_t frame, int64_t frames) const {
  if (!callbacks_.inspect) return true;
  const int64_t width = picture.width, height = picture.height;
  const size_t bytes = picture.rgb.size();
  const OutputInfo info = {.prompt = prompt, .index = index, .frame = frame, .frames = frames};
  if (callbacks_.inspect(picture, info) == Verdict::kBlock) {
    picture.rgb.clear();
    return false;
  }
  if (picture.width != width || picture.height != height || picture.rgb.size() != bytes)
    fail(ErrorCode::kInvalidArgument, "the inspector made {} x {} pixels of {} x {}: it must keep the size.",
         picture.width, picture.height, width, height);
  return true;
}

std::string prompt_of(const std::vector<std::string>& prompts, int64_t index) {
  return index < static_cast<int64_t>(prompts.size()) ? prompts[static_cast<size_t>(index)] : std::string();
}

void Stages::report() const {
  if (callbacks_.progress) callbacks_.progress(name_, done_, total_);
}

}  // namespace swan::pipelines

#include "core/idle_replays.h"

#include <atomic>
#include <utility>

#include "core/device.h"

namespace swan {

size_t ReplayState::bytes() const {
  size_t bytes = recording ? recording->bytes() : 0;
  for (const Tensor& input : inputs) bytes += input.nbytes();
  return bytes;
}

// Entries leave the list under the lock and are destroyed without it: that waits for the device, and gives memory back.
IdleReplays::Entries IdleReplays::leaving() {
  Entries out;
  size_t bytes = 0, count = 0;
  for (auto it = entries_.rbegin(); it != entries_.rend(); ++it) {
    bytes += it->state.bytes();
    if (++count <= kMost && bytes <= kMostBytes) continue;
    out.splice(out.end(), entries_, entries_.begin(), it.base());
    break;
  }
  return out;
}

void IdleReplays::put(uint64_t owner, std::string key, ReplayState state) {
  Entries out;
  const std::scoped_lock lock(mutex_);
  entries_.push_back({.owner = owner, .key = std::move(key), .state = std::move(state)});
  out = leaving();
}

std::optional<ReplayState> IdleReplays::take(uint64_t owner, const std::string& key) {
  const std::scoped_lock lock(mutex_);
  for (auto it = entries_.begin(); it != entries_.end(); ++it) {
    if (it->owner != owner || it->key != key) continue;
    ReplayState state = std::move(it->state);
    entries_.erase(it);
    return state;
  }
  return std::nullopt;
}

void IdleReplays::drop(uint64_t owner) {
  Entries out;
  const std::scoped_lock lock(mutex_);
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto next = std::next(it);
    if (it->owner == owner) out.splice(out.end(), entries_, it);
    it = next;
  }
}

bool IdleReplays::drop_all() {
  Entries out;
  {
    const std::scoped_lock lock(mutex_);
    out.swap(entries_);
  }
  for (const Entry& entry : out)
    if (entry.state.recording) return true;
  return false;
}

ReplayHome::ReplayHome() {
  static std::atomic<uint64_t> last = 0;
  id_ = ++last;
}

void ReplayHome::drop() noexcept {
  if (device_ != nullptr) device_->idle_replays().drop(id_);
}

}  // namespace swan

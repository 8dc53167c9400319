#include "core/device_copies.h"

#include <utility>

#include "core/device.h"
#include "core/error.h"

namespace swan {

thread_local bool DeviceCopies::making_ = false;

Tensor DeviceCopy::get() {
  if (home_ == nullptr) return {};
  const std::scoped_lock lock(home_->mutex_);
  if (tensor_.defined()) home_->touch(*this);
  return tensor_;
}

void DeviceCopy::set(Tensor tensor) {
  SWAN_ASSERT(tensor.device() != nullptr);
  reset();
  home_ = &tensor.device()->copies();
  const std::scoped_lock lock(home_->mutex_);
  tensor_ = std::move(tensor);
  place_ = home_->copies_.insert(home_->copies_.end(), this);
  home_->touch(*this);
}

void DeviceCopy::reset() {
  if (home_ == nullptr) return;
  const std::scoped_lock lock(home_->mutex_);
  home_->remove(*this);
}

void DeviceCopies::touch(DeviceCopy& copy) {
  copies_.splice(copies_.end(), copies_, copy.place_);
  copy.pass_ = pass_;
  if (holding_) held_.push_back(copy.tensor_);
}

void DeviceCopies::remove(DeviceCopy& copy) {
  if (!copy.tensor_.defined()) return;
  copies_.erase(copy.place_);
  copy.tensor_ = {};
}

void DeviceCopies::begin_pass() {
  const std::scoped_lock lock(mutex_);
  ++pass_;
}

bool DeviceCopies::drop_one() {
  const std::scoped_lock lock(mutex_);
  const auto idle = [](const DeviceCopy* copy) { return copy->tensor_.unique(); };
  for (DeviceCopy* copy : copies_) {
    if (copy->pass_ + 1 >= pass_) break;  // and so are all after it
    if (idle(copy)) {
      remove(*copy);
      return true;
    }
  }
  for (auto it = copies_.rbegin(); it != copies_.rend(); ++it)
    if (idle(*it)) {
      remove(**it);
      return true;
    }
  return false;
}

void DeviceCopies::hold_used() {
  const std::scoped_lock lock(mutex_);
  holding_ = true;
}

std::vector<Tensor> DeviceCopies::release_held() {
  const std::scoped_lock lock(mutex_);
  holding_ = false;
  return std::exchange(held_, {});
}

size_t DeviceCopies::bytes() const {
  const std::scoped_lock lock(mutex_);
  size_t bytes = 0;
  for (const DeviceCopy* copy : copies_) bytes += copy->tensor_.nbytes();
  return bytes;
}

}  // namespace swan

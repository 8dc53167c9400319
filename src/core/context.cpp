#include "core/context.h"

#include "core/error.h"

namespace swan {

void Context::check_cancelled() const {
  if (cancel_ != nullptr && cancel_->load(std::memory_order_relaxed)) fail(ErrorCode::kCancelled, "cancelled.");
}

void Context::tap(const std::string& path, const Tensor& value) {
  if (!recording_) return;
  std::string name = path;
  for (int i = 1; taps_.contains(name); ++i) name = path + "#" + std::to_string(i);
  taps_.emplace(std::move(name), value.on(nullptr, DType::kF32));
}

}  // namespace swan

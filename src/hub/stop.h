#pragma once

#include <atomic>

namespace swan::hub {

/// Why threads that work on one thing should end: the caller cancelled it, or one of them failed.
struct Stop {
  const std::atomic<bool>* cancel = nullptr;  ///< the caller's; may be null
  std::atomic<bool> failed{false};

  [[nodiscard]] bool cancelled() const { return cancel != nullptr && *cancel; }
  explicit operator bool() const { return failed || cancelled(); }
};

}  // namespace swan::hub

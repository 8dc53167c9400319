#pragma once

#include <cstddef>

namespace swan {

/// Work that a device has recorded and can run again at the cost of one launch.
class Recording {
 public:
  virtual ~Recording() = default;
  virtual void launch() = 0;
  /// Device memory that is its own: of what its work allocates on the way.
  [[nodiscard]] virtual size_t bytes() const = 0;
};

}  // namespace swan

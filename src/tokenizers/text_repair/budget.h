#pragma once

#include <cstddef>

namespace swan::tokenizers::text_repair {

/// Keeps repair linear in time. Each fix may uncover work for another round over the whole text; hostile text can be
/// made to need a round for every few characters. The reference has no such bound.
class Budget {
 public:
  explicit Budget(size_t length) : left_(kRounds * length + kFree) {}
  /// Whether there is enough for a look at `length` more characters.
  [[nodiscard]] bool spend(size_t length) noexcept {
    if (length > left_) return false;
    left_ -= length;
    return true;
  }

 private:
  static constexpr size_t kRounds = 100, kFree = size_t{1} << 16;
  size_t left_;
};

}  // namespace swan::tokenizers::text_repair

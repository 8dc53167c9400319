#include "core/parallel.h"

#include <atomic>

namespace swan {

namespace {
std::atomic<int>& chosen() {
  static std::atomic<int> threads{0};
  return threads;
}
}  // namespace

void set_num_threads(int threads) { chosen() = threads > 0 ? threads : 0; }

int num_threads() noexcept {
  const int threads = chosen();
  return threads > 0 ? threads : omp_get_max_threads();
}

}  // namespace swan

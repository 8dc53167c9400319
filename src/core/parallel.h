#pragma once

#include <omp.h>

#include <cstdint>
#include <exception>

namespace swan {

/// Threads that parallel_for uses. 0 restores the default: as many as OpenMP finds (OMP_NUM_THREADS, cores).
void set_num_threads(int threads);
[[nodiscard]] int num_threads() noexcept;

/// Calls fn(i) for every i in [0, tasks), on several threads. How work is cut into tasks must follow from shapes alone,
/// never from the number of threads: then results do not depend on it either. Inside a parallel region it runs
/// serially. The first exception is rethrown on the calling thread; the remaining tasks still run.
template <typename Fn>
void parallel_for(int64_t tasks, const Fn& fn) {
  std::exception_ptr error;
  const int threads = static_cast<int>(tasks < num_threads() ? tasks : num_threads());
#pragma omp parallel for schedule(dynamic) num_threads(threads > 0 ? threads : 1) if (threads > 1 && !omp_in_parallel())
  for (int64_t i = 0; i < tasks; ++i) {
    try {
      fn(i);
    } catch (...) {
#pragma omp critical(swan_parallel_error)
      if (!error) error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

/// Cuts [0, n) into ranges of at most `grain` and calls fn(begin, end) for each.
template <typename Fn>
void parallel_ranges(int64_t n, int64_t grain, const Fn& fn) {
  parallel_for((n + grain - 1) / grain, [&](int64_t i) {
    const int64_t begin = i * grain;
    fn(begin, begin + grain < n ? begin + grain : n);
  });
}

}  // namespace swan

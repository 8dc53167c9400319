#include "timing.h"

#include <fmt/ranges.h>

#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/kernels.h"
#include "swan/version.h"

namespace swan::bench {

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::vector<double> time_runs(int runs, const std::function<void()>& fn) {
  std::vector<double> seconds;
  for (int i = 0; i < runs; ++i) {
    const auto start = Clock::now();
    fn();
    seconds.push_back(seconds_since(start));
  }
  return seconds;
}

void print(const std::string& name, const std::string& shape, const std::vector<double>& seconds) {
  fmt::print(
      "{{\"name\":\"{}\",\"shape\":\"{}\",\"seconds\":[{:.6f}],\"threads\":{},\"isa\":\"{}\",\"version\":\"{}\","
      "\"peak_bytes\":{}}}\n",
      name, shape, fmt::join(seconds, ","), num_threads(), backends::cpu_isa(), version(), peak_resident_bytes());
  std::fflush(stdout);
}

}  // namespace swan::bench

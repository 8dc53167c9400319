#include "core/memory.h"

#include <algorithm>
#include <fstream>
#include <string>

namespace swan {

namespace {
// The value of a "Name:   123 kB" line, in bytes.
size_t kib_line(const char* path, const std::string& name) noexcept {
  try {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);)
      if (line.compare(0, name.size(), name) == 0) return std::stoull(line.substr(name.size())) * 1024;
  } catch (...) {
    return 0;
  }
  return 0;
}

size_t number_in(const char* path) noexcept {
  std::ifstream file(path);
  size_t value = 0;
  return file >> value ? value : 0;  // "max" is not a number: no limit
}
}  // namespace

size_t peak_resident_bytes() noexcept { return kib_line("/proc/self/status", "VmHWM:"); }
size_t resident_bytes() noexcept { return kib_line("/proc/self/status", "VmRSS:"); }

size_t available_bytes() noexcept {
  size_t available = kib_line("/proc/meminfo", "MemAvailable:");
  const size_t limit = number_in("/sys/fs/cgroup/memory.max");
  const size_t used = number_in("/sys/fs/cgroup/memory.current");
  if (limit > 0) available = std::min(available, limit > used ? limit - used : 0);
  return available;
}

}  // namespace swan

// A library that the CUDA driver loads into a program when CUDA_INJECTION64_PATH names it: it sums the time of every
// kernel by name and prints the table to standard error, or to $SWAN_KERNEL_TIMES, when the program ends.
#include <cupti.h>
#include <cxxabi.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace {

struct Total {
  double microseconds = 0;
  long launches = 0;
};

std::mutex mutex;
std::map<std::string, Total> totals;

constexpr size_t kBufferBytes = size_t{8} << 20;

void CUPTIAPI request_buffer(uint8_t** buffer, size_t* size, size_t* most_records) {
  *buffer = static_cast<uint8_t*>(std::aligned_alloc(8, kBufferBytes));
  *size = *buffer == nullptr ? 0 : kBufferBytes;
  *most_records = 0;
}

std::string readable(const char* name) {
  int status = 0;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string result = status == 0 ? text : name;
  std::free(text);
  return result.substr(0, 150);
}

void CUPTIAPI take_buffer(CUcontext /*context*/, uint32_t /*stream*/, uint8_t* buffer, size_t /*size*/, size_t valid) {
  const std::scoped_lock lock(mutex);
  CUpti_Activity* record = nullptr;
  while (cuptiActivityGetNextRecord(buffer, valid, &record) == CUPTI_SUCCESS) {
    if (record->kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) {
      const auto* kernel = reinterpret_cast<const CUpti_ActivityKernel9*>(record);
      Total& total = totals[kernel->name];
      total.microseconds += static_cast<double>(kernel->end - kernel->start) / 1e3;
      ++total.launches;
    } else if (record->kind == CUPTI_ACTIVITY_KIND_MEMCPY) {
      const auto* copy = reinterpret_cast<const CUpti_ActivityMemcpy5*>(record);
      Total& total =
          totals[copy->copyKind == CUPTI_ACTIVITY_MEMCPY_KIND_DTOD ? "copy on the device" : "copy to or from the host"];
      total.microseconds += static_cast<double>(copy->end - copy->start) / 1e3;
      ++total.launches;
    }
  }
  std::free(buffer);
}

void print_totals() {
  (void)cuptiActivityFlushAll(1);
  const std::scoped_lock lock(mutex);
  std::map<std::string, Total> named;
  for (const auto& [name, total] : totals) {
    Total& sum = named[readable(name.c_str())];
    sum.microseconds += total.microseconds;
    sum.launches += total.launches;
  }
  std::vector<std::pair<std::string, Total>> sorted(named.begin(), named.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.second.microseconds > b.second.microseconds; });
  const char* path = std::getenv("SWAN_KERNEL_TIMES");
  std::FILE* out = path != nullptr ? std::fopen(path, "w") : stderr;
  if (out == nullptr) return;
  double all = 0;
  for (const auto& [name, total] : sorted) all += total.microseconds;
  fmt::print(out, "{:.3f} ms in all\n", all / 1e3);
  for (const auto& [name, total] : sorted)
    fmt::print(out, "{:10.3f} ms {:5.1f} % {:6} x {:9.2f} us  {}\n", total.microseconds / 1e3,
               100 * total.microseconds / all, total.launches, total.microseconds / static_cast<double>(total.launches),
               name);
  if (out != stderr) std::fclose(out);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int InitializeInjection() {
  if (cuptiActivityRegisterCallbacks(request_buffer, take_buffer) != CUPTI_SUCCESS) return 0;
  if (cuptiActivityEnable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) != CUPTI_SUCCESS) return 0;
  (void)cuptiActivityEnable(CUPTI_ACTIVITY_KIND_MEMCPY);
  std::atexit(print_totals);
  return 1;
}

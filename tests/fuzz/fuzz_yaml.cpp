#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fuzz/targets.h"

// libFuzzer calls it by this name.
// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)swan::fuzz::read_as_configuration({reinterpret_cast<const char*>(data), size});
  return 0;
}

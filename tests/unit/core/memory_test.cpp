#include "core/memory.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace swan {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

TEST(Memory, SeesWhatIsTouched) {
  const size_t before = resident_bytes();
  ASSERT_GT(before, kMiB);
  {
    std::vector<char> block(96 * kMiB, 1);
    EXPECT_GE(resident_bytes(), before + 80 * kMiB) << static_cast<int>(block[kMiB]);
    EXPECT_GE(peak_resident_bytes(), before + 80 * kMiB);
  }
  EXPECT_GE(peak_resident_bytes(), before + 80 * kMiB) << "the peak does not shrink";
}

TEST(Memory, SomeIsAvailable) { EXPECT_GT(available_bytes(), kMiB); }

}  // namespace
}  // namespace swan

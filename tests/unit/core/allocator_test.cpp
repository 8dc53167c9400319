#include "core/allocator.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "core/parallel.h"
#include "support/expect_error.h"

// AddressSanitizer's allocator ends the program for a size it cannot give, unless told to return null as others do.
extern "C" __attribute__((visibility("default"))) const char* __asan_default_options();    // NOLINT
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }  // NOLINT

namespace swan {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

TEST(CachingAllocator, ReusesABlockOfNearlyTheSameSize) {
  CachingAllocator allocator;
  const void* first = allocator.allocate(1000).get();
  EXPECT_EQ(allocator.stats().fetched, 1U);
  EXPECT_EQ(allocator.stats().in_use, 0U);
  EXPECT_GE(allocator.stats().cached, 1000U);
  const auto again = allocator.allocate(990);
  EXPECT_EQ(again.get(), first);
  EXPECT_EQ(allocator.stats().reused, 1U);
  EXPECT_EQ(allocator.stats().fetched, 1U);
  EXPECT_EQ(allocator.stats().cached, 0U);
  EXPECT_GE(allocator.stats().in_use, 1000U);
}

TEST(CachingAllocator, DoesNotWasteALargeBlockOnASmallRequest) {
  CachingAllocator allocator;
  (void)allocator.allocate(kMiB);
  const auto small = allocator.allocate(64);
  EXPECT_EQ(allocator.stats().reused, 0U);
  EXPECT_EQ(allocator.stats().in_use, 64U);
}

TEST(CachingAllocator, PicksTheBestFit) {
  CachingAllocator allocator;
  auto large = allocator.allocate(1200);
  auto fitting = allocator.allocate(1024);
  const void* expected = fitting.get();
  large.reset();
  fitting.reset();
  EXPECT_EQ(allocator.allocate(1024).get(), expected);
}

TEST(CachingAllocator, RoundingWastesLittle) {
  CachingAllocator allocator;
  for (size_t bytes = 1; bytes < 8 * kMiB; bytes = bytes * 5 / 3 + 1) {
    const auto block = allocator.allocate(bytes);
    EXPECT_GE(allocator.stats().in_use, bytes);
    EXPECT_LE(allocator.stats().in_use, bytes + bytes / 16 + 64) << bytes;
    allocator.trim();
  }
}

TEST(CachingAllocator, AlignsBlocks) {
  CachingAllocator allocator;
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{65}, kMiB})
    EXPECT_EQ(reinterpret_cast<uintptr_t>(allocator.allocate(bytes).get()) % 64, 0U) << bytes;
  EXPECT_EQ(reinterpret_cast<uintptr_t>(allocator.allocate(3 * kMiB).get()) % (2 * kMiB), 0U);
}

TEST(CachingAllocator, TrimReturnsTheCacheAndPeakRemembersIt) {
  CachingAllocator allocator;
  (void)allocator.allocate(kMiB);
  const size_t peak = allocator.stats().peak;
  EXPECT_GE(peak, kMiB);
  allocator.trim();
  EXPECT_EQ(allocator.stats().cached, 0U);
  EXPECT_EQ(allocator.stats().peak, peak);
  allocator.reset_peak();
  EXPECT_EQ(allocator.stats().peak, 0U);
}

// A freed block is kept while the cache is smaller than what is in use, or small: so at most half of a run stays.
TEST(CachingAllocator, TheCacheIsBounded) {
  CachingAllocator allocator;
  std::vector<std::shared_ptr<void>> blocks;
  for (size_t i = 0; i < 16; ++i) blocks.push_back(allocator.allocate((8 + i) * kMiB));  // untouched, so cheap
  const size_t most = allocator.stats().in_use;
  blocks.clear();
  EXPECT_EQ(allocator.stats().in_use, 0U);
  EXPECT_LE(allocator.stats().cached, most / 2);
  EXPECT_GT(allocator.stats().cached, 0U);
  (void)allocator.allocate(200 * kMiB);
  EXPECT_LE(allocator.stats().cached, most / 2) << "with nothing in use, what is large goes back at once";
}

TEST(CachingAllocator, SaysWhatWasAskedWhenThereIsNoMemory) {
  CachingAllocator allocator;
  const auto held = allocator.allocate(4096);
  const size_t too_much = size_t{1} << 60;
  expect_error(ErrorCode::kOutOfMemory, {std::to_string(too_much), "4096"},
               [&] { (void)allocator.allocate(too_much); });
  EXPECT_EQ(allocator.stats().in_use, 4096U);
}

TEST(CachingAllocator, KeepsCountOnSeveralThreads) {
  CachingAllocator allocator;
  parallel_for(64, [&](int64_t i) {
    for (size_t n = 1; n < 50; ++n) {
      const auto block = allocator.allocate(n * 100 * static_cast<size_t>(i + 1));
      *static_cast<char*>(block.get()) = 1;
    }
  });
  EXPECT_EQ(allocator.stats().in_use, 0U);
  EXPECT_EQ(allocator.stats().reused + allocator.stats().fetched, 64U * 49U);
}

}  // namespace
}  // namespace swan

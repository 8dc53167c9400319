#include "core/memory_pool.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "support/fake_device.h"

namespace swan {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

struct Pool {
  explicit Pool(size_t capacity = SIZE_MAX) {
    auto made = std::make_unique<support::CountingSource>(capacity);
    source = made.get();
    pool = std::make_shared<MemoryPool>(std::move(made));
  }
  support::CountingSource* source;
  std::shared_ptr<MemoryPool> pool;
};

TEST(MemoryPool, SplitsSegmentsAndJoinsThemAgain) {
  Pool p;
  { const auto whole = p.pool->allocate(16 * kMiB); }
  EXPECT_EQ(p.source->taken, 1);
  {
    const auto a = p.pool->allocate(4 * kMiB), b = p.pool->allocate(4 * kMiB), c = p.pool->allocate(8 * kMiB);
    EXPECT_EQ(p.source->taken, 1) << "three parts of one segment";
    EXPECT_EQ(static_cast<char*>(b.get()) - static_cast<char*>(a.get()), 4 * static_cast<ptrdiff_t>(kMiB));
  }
  const auto again = p.pool->allocate(16 * kMiB);
  EXPECT_EQ(p.source->taken, 1);
  EXPECT_EQ(p.pool->held_bytes(), 16 * kMiB);
}

TEST(MemoryPool, SmallPiecesDoNotCutUpLargeOnes) {
  Pool p;
  { const auto large = p.pool->allocate(16 * kMiB); }
  const auto small = p.pool->allocate(100), weight = p.pool->allocate(3 * kMiB, /*lasting=*/true);
  EXPECT_EQ(p.source->taken, 3);
  const auto large = p.pool->allocate(16 * kMiB);
  EXPECT_EQ(p.source->taken, 3);
}

// A transformer of Wan 1.3B has some 250 of these: each in a segment of its own, a quarter would stay empty.
TEST(MemoryPool, WeightsOfAFewMiBShareSegments) {
  Pool p;
  constexpr size_t kWeight = 1536 * 1536 * 2;
  std::vector<std::shared_ptr<void>> weights;
  for (int i = 0; i < 252; ++i) weights.push_back(p.pool->allocate(kWeight, /*lasting=*/true));
  EXPECT_LT(p.pool->held_bytes(), 252 * kWeight * 103 / 100);
  weights.clear();
  p.pool->trim();
  EXPECT_EQ(p.pool->held_bytes(), 0U);
}

TEST(MemoryPool, ASegmentOfItsOwnIsTakenWhereThereIsNoMore) {
  Pool p;
  p.pool->set_limit(8 * kMiB);
  const auto a = p.pool->allocate(3 * kMiB, /*lasting=*/true);
  EXPECT_EQ(p.pool->held_bytes(), 4 * kMiB);
  EXPECT_NE(p.pool->allocate(4 * kMiB, /*lasting=*/true), nullptr);
  EXPECT_EQ(p.pool->allocate(6 * kMiB, /*lasting=*/true), nullptr);
}

TEST(MemoryPool, KeepsToItsLimit) {
  Pool p;
  p.pool->set_limit(10 * kMiB);
  auto a = p.pool->allocate(6 * kMiB);
  EXPECT_EQ(p.pool->allocate(6 * kMiB), nullptr);
  EXPECT_TRUE(p.pool->limit_forbids(6 * kMiB));
  EXPECT_TRUE(p.pool->limit_forbids(4 * kMiB + 1)) << "whole segments count";
  EXPECT_FALSE(p.pool->limit_forbids(4 * kMiB));
  EXPECT_NE(p.pool->allocate(4 * kMiB), nullptr);
  a.reset();
  // 6 and 4 are cached, each too small: they go back so that 10 fit.
  const auto b = p.pool->allocate(10 * kMiB);
  EXPECT_NE(b, nullptr);
  EXPECT_GE(p.source->settled, 1);
  EXPECT_EQ(p.source->out(), 10 * kMiB);
  EXPECT_LE(p.pool->peak_bytes(), 10 * kMiB);
  p.pool->set_limit(0);
  EXPECT_NE(p.pool->allocate(6 * kMiB), nullptr);
}

TEST(MemoryPool, GivesNothingWhenTheSourceHasNothing) {
  Pool p(8 * kMiB);
  const auto a = p.pool->allocate(8 * kMiB);
  EXPECT_NE(a, nullptr);
  EXPECT_EQ(p.pool->allocate(2 * kMiB), nullptr);
}

TEST(MemoryPool, ARecordingTakesTheCacheOver) {
  Pool p;
  { const auto a = p.pool->allocate(8 * kMiB), b = p.pool->allocate(4 * kMiB), c = p.pool->allocate(2 * kMiB); }
  const auto kept = p.pool->allocate(2 * kMiB);
  EXPECT_EQ(p.source->taken, 3);
  const int owner = p.pool->begin_private();
  const void* mine = nullptr;
  {
    const auto a = p.pool->allocate(8 * kMiB);
    mine = a.get();
  }
  p.pool->end_private();
  EXPECT_EQ(p.source->taken, 3) << "what was cached suffices";
  // The 4 MiB were not used by the recording: they are everyone's. Its own 8 MiB are nobody else's.
  const auto others = p.pool->allocate(4 * kMiB);
  EXPECT_EQ(p.source->taken, 3);
  const auto fresh = p.pool->allocate(8 * kMiB);
  EXPECT_EQ(p.source->taken, 4);
  EXPECT_NE(fresh.get(), mine);
  p.pool->trim();
  EXPECT_EQ(p.source->out(), (8 + 8 + 4 + 2) * kMiB) << "a recording's memory stays";
  p.pool->release_private(owner);
  EXPECT_EQ(p.pool->allocate(8 * kMiB).get(), mine);
  p.pool->trim();
  EXPECT_EQ(p.source->out(), (8 + 4 + 2) * kMiB);
}

TEST(MemoryPool, WhatARecordingLeavesInUseComesBack) {
  Pool p;
  const int owner = p.pool->begin_private();
  auto output = p.pool->allocate(4 * kMiB);
  p.pool->end_private();
  p.pool->release_private(owner);
  output.reset();
  p.pool->trim();
  EXPECT_EQ(p.source->out(), 0U);
}

TEST(MemoryPool, ThePeakCountsTheCache) {
  Pool p;
  { const auto a = p.pool->allocate(8 * kMiB); }
  EXPECT_EQ(p.pool->peak_bytes(), 8 * kMiB);
  p.pool->trim();
  EXPECT_EQ(p.pool->peak_bytes(), 8 * kMiB);
  p.pool->reset_peak();
  EXPECT_EQ(p.pool->peak_bytes(), 0U);
}

}  // namespace
}  // namespace swan

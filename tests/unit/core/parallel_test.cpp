#include "core/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace swan {
namespace {

class Parallel : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { set_num_threads(GetParam()); }
  void TearDown() override { set_num_threads(0); }
};

TEST_P(Parallel, RunsEveryTaskOnce) {
  std::vector<std::atomic<int>> counts(1000);
  parallel_for(1000, [&](int64_t i) { ++counts[static_cast<size_t>(i)]; });
  for (const auto& count : counts) ASSERT_EQ(count, 1);
}

TEST_P(Parallel, RunsNothingForNoTasks) {
  parallel_for(0, [](int64_t) { FAIL(); });
  parallel_ranges(0, 16, [](int64_t, int64_t) { FAIL(); });
}

TEST_P(Parallel, RangesCoverEverythingInPiecesOfTheGrain) {
  std::vector<std::atomic<int>> counts(103);
  std::atomic<int> pieces = 0;
  parallel_ranges(103, 10, [&](int64_t begin, int64_t end) {
    EXPECT_TRUE(end - begin == 10 || (begin == 100 && end == 103));
    ++pieces;
    for (int64_t i = begin; i < end; ++i) ++counts[static_cast<size_t>(i)];
  });
  EXPECT_EQ(pieces, 11);
  for (const auto& count : counts) ASSERT_EQ(count, 1);
}

TEST_P(Parallel, RethrowsAnExceptionAfterTheOtherTasksHaveRun) {
  std::atomic<int> done = 0;
  try {
    parallel_for(100, [&](int64_t i) {
      if (i == 37) throw std::runtime_error("task 37");
      ++done;
    });
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()), "task 37");
  }
  EXPECT_EQ(done, 99);
}

TEST_P(Parallel, NestsSerially) {
  std::atomic<int> done = 0;
  parallel_for(4, [&](int64_t) {
    const int outer = omp_get_thread_num();
    const bool threads = omp_in_parallel() != 0;
    parallel_for(8, [&](int64_t) {
      if (threads) {
        EXPECT_EQ(omp_get_ancestor_thread_num(1), outer) << "an inner task left its thread";
      }
      ++done;
    });
  });
  EXPECT_EQ(done, 32);
}

TEST_P(Parallel, AnExceptionPassesThroughNestedLoops) {
  EXPECT_THROW(parallel_for(3,
                            [](int64_t i) {
                              parallel_for(3, [i](int64_t j) {
                                if (i == 2 && j == 1) throw std::out_of_range("inner");
                              });
                            }),
               std::out_of_range);
}

INSTANTIATE_TEST_SUITE_P(Threads, Parallel, ::testing::Values(1, 2, 5));

TEST(NumThreads, IsWhatWasSetOrTheDefault) {
  set_num_threads(3);
  EXPECT_EQ(num_threads(), 3);
  set_num_threads(-1);
  EXPECT_EQ(num_threads(), omp_get_max_threads());
  set_num_threads(0);
  EXPECT_EQ(num_threads(), omp_get_max_threads());
}

}  // namespace
}  // namespace swan

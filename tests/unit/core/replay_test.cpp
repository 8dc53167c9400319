#include "core/replay.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <vector>

#include "core/context.h"
#include "core/error.h"
#include "support/fake_device.h"

namespace swan {

namespace ops {
struct KernelTable {};  // a context hands its table on and never looks into it
}  // namespace ops

namespace {

const ops::KernelTable kTable;

// The sum of an input and a constant, as a device would do it: directly, or at each launch of a recording from where
// the tensors were when it was made.
class ReplayTest : public testing::Test {
 protected:
  ReplayTest() {
    device_.after_recording = [this] { return [in = inputs_, out = sum_]() mutable { add(in, out); }; };
  }

  static void add(const std::vector<Tensor>& in, Tensor& out) {
    static_cast<float*>(out.raw_mut())[0] =
        static_cast<const float*>(in[0].raw())[0] + (in.size() > 1 ? static_cast<const float*>(in[1].raw())[0] : 0);
  }
  Tensor work(std::span<const Tensor> in) {
    ++calls_;
    inputs_.assign(in.begin(), in.end());
    sum_ = Tensor::empty({1}, DType::kF32, &device_);
    add(inputs_, sum_);
    return sum_;
  }
  Tensor value(float x, int64_t values = 1) { return Tensor::full({values}, x).on(&device_); }

  // A run of `calls` calls with inputs 1, 2, ...; @return  what they gave
  std::vector<float> run(int calls, ReplayHome* home, float constant, const char* name = "sum", int64_t values = 1) {
    std::vector<float> sums;
    Replay replay(ctx_, {.home = home, .work = name, .constants = {value(constant)}, .calls = calls});
    for (int i = 1; i <= calls; ++i) {
      const std::array inputs = {value(static_cast<float>(i), values)};
      sums.push_back(replay.run(inputs, [this](auto in) { return work(in); }).cpu().data<float>()[0]);
    }
    return sums;
  }

  support::FakeDevice device_;
  Context ctx_{kTable, &device_, DType::kF32};
  std::vector<Tensor> inputs_;
  Tensor sum_;
  int calls_ = 0;
};

using Sums = std::vector<float>;

TEST_F(ReplayTest, RecordsTheSecondCallAndLaunchesItFromThenOn) {
  EXPECT_EQ(run(5, nullptr, 10), (Sums{11, 12, 13, 14, 15}));
  EXPECT_EQ(calls_, 2);
  EXPECT_EQ(device_.launches, 4);
  EXPECT_EQ(device_.recordings, 0) << "it ends with the run";
}

TEST_F(ReplayTest, TheLastOfTwoIsNotWorthARecording) {
  EXPECT_EQ(run(2, nullptr, 10), (Sums{11, 12}));
  EXPECT_EQ(device_.launches, 0);
}

TEST_F(ReplayTest, OnTheHostWorkIsCalled) {
  Context host(kTable);
  Replay replay(host, {.constants = {Tensor::full({1}, 5)}});
  int calls = 0;
  for (int i = 0; i < 3; ++i) {
    const std::array inputs = {Tensor::full({1}, static_cast<float>(i))};
    const Tensor sum = replay.run(inputs, [&](std::span<const Tensor> in) {
      ++calls;
      EXPECT_EQ(in.size(), 2U);
      return Tensor::full({1}, in[0].data<float>()[0] + in[1].data<float>()[0]);
    });
    EXPECT_EQ(sum.data<float>()[0], static_cast<float>(i + 5));
  }
  EXPECT_EQ(calls, 3);
}

TEST_F(ReplayTest, ARecordingServesFurtherRunsWithTheirConstants) {
  ReplayHome home;
  EXPECT_EQ(run(3, &home, 10), (Sums{11, 12, 13}));
  EXPECT_EQ(device_.recordings, 1);
  EXPECT_EQ(run(2, &home, 20), (Sums{21, 22}));
  EXPECT_EQ(run(1, &home, 30), (Sums{31}));
  EXPECT_EQ(calls_, 2) << "one to begin with, one to record";
  EXPECT_EQ(device_.launches, 5);
}

TEST_F(ReplayTest, RunsOfOneCallRecordTheSecond) {
  ReplayHome home;
  EXPECT_EQ(run(1, &home, 10), (Sums{11}));
  EXPECT_EQ(device_.recordings, 0);
  EXPECT_EQ(run(1, &home, 20), (Sums{21}));
  EXPECT_EQ(run(1, &home, 30), (Sums{31}));
  EXPECT_EQ(calls_, 2);
  EXPECT_EQ(device_.launches, 2);
}

TEST_F(ReplayTest, OtherShapesAndOtherWorkAreApart) {
  ReplayHome home, other;
  (void)run(3, &home, 10);
  EXPECT_EQ(run(1, &home, 20, "sum", 2), (Sums{21}));
  EXPECT_EQ(run(1, &home, 20, "another"), (Sums{21}));
  EXPECT_EQ(run(1, &other, 20), (Sums{21}));
  EXPECT_EQ(calls_, 2 + 3);
  EXPECT_EQ(run(1, &home, 20), (Sums{21}));
  EXPECT_EQ(calls_, 2 + 3);
}

TEST_F(ReplayTest, RecordingsGoWithTheirHome) {
  {
    ReplayHome home;
    (void)run(3, &home, 10);
    EXPECT_EQ(device_.recordings, 1);
    home.drop();
    EXPECT_EQ(device_.recordings, 0);
    EXPECT_EQ(run(3, &home, 20), (Sums{21, 22, 23}));
    EXPECT_EQ(device_.recordings, 1);
  }
  EXPECT_EQ(device_.recordings, 0);
}

TEST_F(ReplayTest, RecordingsThatWaitMakeRoomBeforeWeightsDo) {
  constexpr size_t kMiB = size_t{1} << 20;
  ReplayHome home;
  (void)run(3, &home, 10);
  const Tensor weight = Tensor::full({static_cast<int64_t>(kMiB)}, 1).constant();  // 4 MiB
  const Tensor on = weight.on(&device_);
  EXPECT_TRUE(device_.idle_replays().drop_all());
  EXPECT_EQ(device_.recordings, 0);
  EXPECT_FALSE(device_.idle_replays().drop_all());
  EXPECT_GT(device_.copies().bytes(), 0U);
  EXPECT_EQ(run(3, &home, 20), (Sums{21, 22, 23})) << "made again";
}

TEST_F(ReplayTest, OfManyTheLatestStay) {
  ReplayHome home;
  const int most = static_cast<int>(IdleReplays::kMost);
  for (int i = 0; i < most + 3; ++i) (void)run(3, &home, 1, std::to_string(i).c_str());
  EXPECT_EQ(device_.recordings, most);
  const int calls = calls_;
  (void)run(1, &home, 1, std::to_string(most + 2).c_str());
  EXPECT_EQ(calls_, calls);
  (void)run(1, &home, 1, "0");
  EXPECT_EQ(calls_, calls + 1);
}

TEST_F(ReplayTest, LargeOnesDoNotWait) {
  ReplayHome home;
  (void)run(3, &home, 10);
  device_.recording_bytes = IdleReplays::kMostBytes / 2;
  (void)run(3, &home, 10, "large");
  EXPECT_EQ(device_.recordings, 1) << "together they are too much, the older one leaves";
  device_.recording_bytes = IdleReplays::kMostBytes + 1;
  (void)run(3, &home, 10, "larger");
  EXPECT_EQ(device_.recordings, 0);
}

TEST_F(ReplayTest, WhatCannotBeRecordedIsCalled) {
  device_.after_recording = nullptr;
  ReplayHome home;
  EXPECT_EQ(run(4, &home, 10), (Sums{11, 12, 13, 14}));
  EXPECT_EQ(calls_, 4 + 0);
  EXPECT_EQ(device_.launches, 0);
}

TEST_F(ReplayTest, AnErrorLeavesNoRecording) {
  ReplayHome home;
  {
    Replay replay(ctx_, {.home = &home, .work = "sum", .calls = 5});
    const std::array inputs = {value(1)};
    (void)replay.run(inputs, [this](auto in) { return work(in); });
    const auto failing = [](std::span<const Tensor>) -> Tensor { throw Error(ErrorCode::kCancelled, "stopped"); };
    EXPECT_THROW((void)replay.run(inputs, failing), Error);
  }
  EXPECT_EQ(device_.recordings, 0);
  EXPECT_EQ(run(3, &home, 20), (Sums{21, 22, 23}));
}

}  // namespace
}  // namespace swan

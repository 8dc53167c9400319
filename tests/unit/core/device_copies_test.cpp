#include "core/device_copies.h"

#include <gtest/gtest.h>

#include <deque>
#include <numeric>
#include <vector>

#include "support/fake_device.h"

namespace swan {
namespace {

constexpr size_t kMiB = size_t{1} << 20;
constexpr int64_t kWeight = 2 * static_cast<int64_t>(kMiB) / 4;  // values of 2 MiB

Tensor weight(float first) {
  std::vector<float> values(static_cast<size_t>(kWeight));
  std::iota(values.begin(), values.end(), first);
  return Tensor::from(values, {kWeight}).constant();
}
float first_of(const Tensor& t) { return t.slice(0, 1).cpu().data<float>()[0]; }

TEST(DeviceCopies, AConstantIsUploadedOnce) {
  support::FakeDevice device;
  const Tensor w = weight(3);
  EXPECT_EQ(w.on(&device).raw(), w.on(&device).raw());
  EXPECT_EQ(device.uploads, 1);
  EXPECT_EQ(device.copies().bytes(), 2 * kMiB);
  w.drop_copy();
  EXPECT_EQ(device.copies().bytes(), 0U);
  EXPECT_EQ(first_of(w.on(&device)), 3);
  EXPECT_EQ(device.uploads, 2);
}

TEST(DeviceCopies, AreGoneWithTheirConstants) {
  support::FakeDevice device;
  { (void)weight(1).on(&device); }
  EXPECT_EQ(device.copies().bytes(), 0U);
  EXPECT_FALSE(device.copies().drop_one());
}

TEST(DeviceCopies, MakeRoom) {
  support::FakeDevice device(6 * kMiB);
  const Tensor a = weight(1), b = weight(2);
  (void)a.on(&device);
  (void)b.on(&device);
  const Tensor activations = Tensor::empty({kWeight * 2}, DType::kF32, &device);
  EXPECT_EQ(device.copies().bytes(), 2 * kMiB) << "one of two had to go";
  EXPECT_LE(device.pool().held_bytes(), 6 * kMiB);
}

TEST(DeviceCopies, OneThatIsHeldStays) {
  support::FakeDevice device(4 * kMiB);
  const Tensor a = weight(1), b = weight(2);
  const Tensor held = a.on(&device), slice = b.on(&device).slice(0, 1);
  EXPECT_THROW((void)Tensor::empty({kWeight}, DType::kF32, &device), Error);
  EXPECT_EQ(device.copies().bytes(), 4 * kMiB);
  EXPECT_EQ(first_of(held), 1);
  EXPECT_EQ(first_of(slice), 2);
}

TEST(DeviceCopies, AnotherNetworksGoFirstTheOldestFirst) {
  support::FakeDevice device;
  const Tensor a = weight(1), b = weight(2), c = weight(3);
  (void)a.on(&device);
  (void)b.on(&device);
  device.copies().begin_pass();
  device.copies().begin_pass();
  (void)c.on(&device);
  const auto is_there = [&](const Tensor& w) {
    const int before = device.uploads;
    (void)w.on(&device);
    return device.uploads == before;
  };
  ASSERT_TRUE(device.copies().drop_one());
  EXPECT_TRUE(is_there(c));
  EXPECT_EQ(device.copies().bytes(), 4 * kMiB);
  ASSERT_TRUE(device.copies().drop_one());
  EXPECT_EQ(device.copies().bytes(), 2 * kMiB);
  EXPECT_TRUE(is_there(c));
}

// Ten weights pass time and again through room for six: those that stay are not sent again.
TEST(DeviceCopies, ANetworkThatDoesNotFitIsStreamed) {
  support::FakeDevice device(12 * kMiB);
  std::deque<Tensor> weights;
  for (int i = 0; i < 10; ++i) weights.push_back(weight(static_cast<float>(i)));
  for (int pass = 0; pass < 4; ++pass) {
    device.copies().begin_pass();
    const int before = device.uploads;
    for (int i = 0; i < 10; ++i) EXPECT_EQ(first_of(weights[static_cast<size_t>(i)].on(&device)), i);
    EXPECT_LE(device.uploads - before, pass == 0 ? 10 : 5) << pass;
  }
}

// Weights that share segments make room for activations all the same: a hundred of 2 MiB and 40 MiB of activations a
// pass through 160 MiB.
TEST(DeviceCopies, SharedSegmentsAreGivenBackForActivations) {
  support::FakeDevice device(160 * kMiB);
  std::deque<Tensor> weights;
  for (int i = 0; i < 100; ++i) weights.push_back(weight(static_cast<float>(i)));
  for (int pass = 0; pass < 3; ++pass) {
    device.copies().begin_pass();
    const int before = device.uploads;
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ(first_of(weights[static_cast<size_t>(i)].on(&device)), i);
      const Tensor activations = Tensor::empty({20 * kWeight}, DType::kF32, &device);
    }
    EXPECT_LE(device.uploads - before, pass == 0 ? 100 : 80) << pass;
    EXPECT_LE(device.pool().held_bytes(), 160 * kMiB);
  }
}

TEST(DeviceCopies, WhatARecordingUsesIsHeld) {
  support::FakeDevice device(4 * kMiB);
  const Tensor a = weight(1), b = weight(2);
  (void)a.on(&device);
  device.copies().hold_used();
  (void)a.on(&device);
  (void)b.on(&device);
  std::vector<Tensor> held = device.copies().release_held();
  EXPECT_EQ(held.size(), 2U);
  EXPECT_FALSE(device.copies().drop_one());
  held.clear();
  EXPECT_TRUE(device.copies().drop_one());
}

}  // namespace
}  // namespace swan

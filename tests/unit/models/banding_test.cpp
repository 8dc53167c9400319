#include "models/banding.h"

#include <gtest/gtest.h>

#include <atomic>

#include "core/generator.h"
#include "ops/conv.h"
#include "ops/layout.h"
#include "support/close.h"
#include "support/device.h"

namespace swan::models {
namespace {

constexpr int64_t kHuge = int64_t{1} << 40;  // bytes a row: bands as small as they get

struct Case {
  int64_t batch, height, width;
};

class Banded : public testing::TestWithParam<Case> {};

// Two 3x3 convolutions, as in a residual block: each result depends on two rows above and below.
TEST_P(Banded, GivesWhatTheWholeGives) {
  const auto [batch, height, width] = GetParam();
  Generator generator(5);
  const Tensor x = generator.randn({batch, height, width, 6});
  const ops::ConvWeight w = {.weight = generator.randn({6, 6, 3, 3}), .bias = generator.randn({6}), .padding = 1};
  Context ctx = support::test_context();
  int calls = 0;
  const auto block = [&](const Tensor& rows) {
    ++calls;
    return ops::conv2d(ops::conv2d(rows, w, ops::Activation::kSilu, ctx), w, ops::Activation::kNone, ctx);
  };
  const Tensor whole = block(x);
  calls = 0;
  const Tensor parts = banded(x, {.halo = 2, .row_bytes = kHuge}, block, ctx);
  EXPECT_TRUE(support::close(parts, whole, 1e-6));
  EXPECT_EQ(calls > 1, batch * height > 16) << calls;
}

TEST_P(Banded, ReusesMemoryThatIsGivenAway) {
  const auto [batch, height, width] = GetParam();
  Generator generator(7);
  const Tensor x = generator.randn({batch, height, width, 4});
  const ops::ConvWeight w = {.weight = generator.randn({4, 4, 3, 3}), .padding = 1};
  Context ctx = support::test_context();
  const auto block = [&](const Tensor& rows) {
    return ops::conv2d(ops::conv2d(rows, w, ops::Activation::kSilu, ctx), w, ops::Activation::kNone, ctx);
  };
  const Band band = {.halo = 2, .row_bytes = kHuge};
  const Tensor kept = x.clone();
  const Tensor expected = banded(x, band, block, ctx);
  EXPECT_TRUE(support::close(x, kept, 0)) << "x is still in use and must not change";
  Tensor given = x.clone();
  const void* bytes = given.raw();
  const Tensor made = banded(std::move(given), band, block, ctx);
  EXPECT_TRUE(support::close(made, expected, 0));
  EXPECT_EQ(made.raw() == bytes, batch * height > 16);
}

TEST_P(Banded, ScalesRows) {
  const auto [batch, height, width] = GetParam();
  Generator generator(6);
  const Tensor x = generator.randn({batch, height, width, 4});
  const ops::ConvWeight w = {.weight = generator.randn({3, 4, 3, 3}), .padding = 1};
  Context ctx = support::test_context();
  const auto up = [&](const Tensor& rows) {
    return ops::conv2d(ops::upsample_nearest(rows, 2, ctx), w, ops::Activation::kNone, ctx);
  };
  const Tensor parts = banded(x, {.halo = 1, .scale = 2, .row_bytes = kHuge}, up, ctx);
  EXPECT_TRUE(support::close(parts, up(x), 1e-6));
}

INSTANTIATE_TEST_SUITE_P(Shapes, Banded,
                         testing::Values(Case{1, 1, 1}, Case{1, 16, 5}, Case{1, 17, 5}, Case{1, 33, 3}, Case{2, 40, 7},
                                         Case{3, 9, 2}));

TEST(Banded, StopsBetweenBandsWhenCancelled) {
  std::atomic<bool> cancel{false};
  Context ctx = support::test_context(&cancel);
  int calls = 0;
  const auto fn = [&](const Tensor& rows) {
    ++calls;
    cancel = true;
    return rows;
  };
  EXPECT_ANY_THROW((void)banded(Tensor::zeros({1, 64, 2, 2}, DType::kF32), {.halo = 1, .row_bytes = kHuge}, fn, ctx));
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace swan::models

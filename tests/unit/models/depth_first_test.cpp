#include "models/depth_first.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "core/allocator.h"
#include "core/generator.h"
#include "ops/conv.h"
#include "ops/layout.h"
#include "support/close.h"
#include "support/device.h"

namespace swan::models {
namespace {

constexpr int64_t kChannels = 16;  // enough for minimal filtering, whose results depend on where rows begin

// A decoder in small: doubled, two convolutions, again, and a last convolution to three channels.
class Chain {
 public:
  explicit Chain(Context& ctx, float scale = 1) : ctx_(ctx) {
    Generator generator(3);
    const auto weight = [&](int64_t out) {
      Tensor w = generator.randn({out, kChannels, 3, 3});
      for (int64_t i = 0; i < w.numel(); ++i) w.data_mut<float>()[i] *= scale;
      return w;
    };
    for (int i = 0; i < 4; ++i)
      weights_.push_back(
          {.weight = weight(kChannels), .bias = generator.randn({kChannels}), .padding = 1, .upsample = i % 2 == 0});
    weights_.push_back({.weight = weight(3), .padding = 1});
    for (size_t i = 0; i < weights_.size(); ++i)
      steps_.push_back({.halo = i % 2 == 1 ? 2 : 1,
                        .scale = weights_[i].upsample ? 2 : 1,
                        .channels = weights_[i].out_channels(),
                        .fn = [this, i](const Tensor& rows) { return step(i, rows); }});
  }
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;

  [[nodiscard]] const std::vector<RowStep>& steps() const { return steps_; }
  [[nodiscard]] Tensor whole(Tensor x) const {
    for (size_t i = 0; i < steps_.size(); ++i) x = convolve(i, x);
    return x;
  }
  /// What each step was given.
  [[nodiscard]] const std::vector<std::multiset<int64_t>>& heights() const { return heights_; }

 private:
  Tensor step(size_t i, const Tensor& rows) {
    heights_.resize(steps_.size());
    heights_[i].insert(rows.dim(1));
    return convolve(i, rows);
  }
  [[nodiscard]] Tensor convolve(size_t i, const Tensor& x) const {
    const Tensor y = ops::conv2d(x, weights_[i], ops::Activation::kSilu, ctx_);
    return i % 2 == 1 ? ops::conv2d(y, weights_[i], ops::Activation::kNone, ctx_) : y;
  }

  Context& ctx_;
  std::vector<ops::ConvWeight> weights_;
  std::vector<RowStep> steps_;
  std::vector<std::multiset<int64_t>> heights_;
};

struct Case {
  int64_t batch, height, width;
};

class DepthFirst : public testing::TestWithParam<Case> {};

TEST_P(DepthFirst, GivesWhatTheWholeGives) {
  const auto [batch, height, width] = GetParam();
  Context ctx = support::test_context();
  Chain chain(ctx);
  const Tensor x = Generator(5).randn({batch, height, width, kChannels}).on(ctx.device());
  const Tensor expected = chain.whole(x), kept = x.clone();
  // From parts as small as they get to the whole in one.
  for (const int64_t part_bytes : {int64_t{1}, int64_t{1} << 16, int64_t{1} << 30}) {
    const Tensor parts = depth_first(x, chain.steps(), part_bytes, ctx);
    if (ctx.device() == nullptr) {
      EXPECT_TRUE(support::identical(parts, expected)) << part_bytes;
    } else {
      EXPECT_TRUE(support::close(parts, expected, 1e-5)) << part_bytes;
    }
    EXPECT_TRUE(support::close(x, kept, 0)) << "x is the caller's and must not change";
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, DepthFirst,
                         testing::Values(Case{1, 1, 1}, Case{1, 5, 3}, Case{1, 16, 4}, Case{1, 17, 5}, Case{1, 23, 2},
                                         Case{1, 34, 3}, Case{1, 41, 3}, Case{2, 40, 7}, Case{2, 19, 3}));

// The norm of the difference over that of the exact values.
double relative_error(const Tensor& found, const Tensor& exact) {
  const Tensor x = found.on(nullptr, DType::kF32), y = exact.on(nullptr, DType::kF32);
  double difference = 0, size = 0;
  for (int64_t i = 0; i < y.numel(); ++i) {
    const double a = x.data<float>()[i], b = y.data<float>()[i];
    difference += (a - b) * (a - b);
    size += b * b;
  }
  return std::sqrt(difference / size);
}

// Pictures large enough for cuDNN, whose plans may differ between a part's shape and the whole's: parts are as far from
// f32 as the whole is. A row in 488 that was wrong would weigh 4 %.
TEST(DepthFirst, GivesWhatTheWholeGivesInHalves) {
  if (support::test_gpus() == 0) GTEST_SKIP() << "no GPU";
  constexpr float kScale = 0.1F;  // of unit weights f16 would overflow
  Context f32 = support::gpu_context(DType::kF32);
  const Tensor x = Generator(5).randn({2, 122, 61, kChannels});
  const Tensor exact = Chain(f32, kScale).whole(x.on(f32.device()));
  for (const DType dtype : {DType::kBF16, DType::kF16}) {
    Context ctx = support::gpu_context(dtype);
    Chain chain(ctx, kScale);
    const Tensor half = x.on(ctx.device(), dtype);
    const Tensor parts = depth_first(half, chain.steps(), int64_t{2} << 20, ctx);
    EXPECT_GT(chain.heights().back().size(), 4U);
    const double whole = relative_error(chain.whole(half), exact);
    EXPECT_LT(whole, dtype == DType::kBF16 ? 0.03 : 0.004);
    EXPECT_LT(relative_error(parts, exact), 1.1 * whole) << whole;
  }
}

// A backend that plans for shapes plans once.
TEST(DepthFirst, ComputesPartsOfOneHeight) {
  Context ctx = support::test_context();
  for (const int64_t height : {40, 58, 100}) {
    Chain chain(ctx);
    (void)depth_first(Tensor::zeros({1, height, 2, kChannels}, DType::kF32).on(ctx.device()), chain.steps(), 1, ctx);
    for (size_t i = 0; i < chain.heights().size(); ++i) {
      EXPECT_GT(chain.heights()[i].size(), 3U) << height;
      EXPECT_EQ(*chain.heights()[i].begin(), *chain.heights()[i].rbegin()) << "step " << i << " of " << height;
    }
  }
}

TEST(DepthFirst, KeepsPartsWithinTheirBytes) {
  Context ctx = support::test_context();
  constexpr int64_t kWidth = 2, kRow = kWidth * 4 * kChannels * 4;  // bytes of a row of the finest step
  for (const int64_t rows : {100, 128, 161}) {
    Chain chain(ctx);
    (void)depth_first(Tensor::zeros({1, 200, kWidth, kChannels}, DType::kF32).on(ctx.device()), chain.steps(),
                      rows * kRow, ctx);
    const std::multiset<int64_t>& finest = chain.heights().back();
    EXPECT_LE(*finest.rbegin(), rows);
    EXPECT_GT(*finest.rbegin(), rows * 3 / 4) << "as few parts as fit";
  }
}

// What is there besides input and output does not grow with the height.
TEST(DepthFirst, TakesMemoryOfAPart) {
  Context ctx = support::test_context();
  if (ctx.device() != nullptr) GTEST_SKIP() << "counts the host's allocations";
  constexpr int64_t kWidth = 16;
  const auto peak = [&](int64_t height, bool whole) {
    Chain chain(ctx);
    const Tensor x = Tensor::zeros({1, height, kWidth, kChannels}, DType::kF32);
    (void)depth_first(Tensor::zeros({1, 40, kWidth, kChannels}, DType::kF32), chain.steps(), 1, ctx);  // packs weights
    CachingAllocator& allocator = CachingAllocator::cpu();
    allocator.trim();
    allocator.reset_peak();
    const auto before = static_cast<int64_t>(allocator.stats().in_use);
    const Tensor out = whole ? chain.whole(x) : depth_first(x, chain.steps(), int64_t{64} << 10, ctx);
    return static_cast<int64_t>(allocator.stats().peak) - before - static_cast<int64_t>(out.nbytes());
  };
  const int64_t small = peak(80, false), tall = peak(640, false);
  EXPECT_GT(small, 0);
  EXPECT_LE(tall, small + small / 4);
  EXPECT_GT(peak(640, true), 4 * tall) << "else the measure does not see what is saved";
}

TEST(DepthFirst, StopsBetweenStepsWhenCancelled) {
  std::atomic<bool> cancel{false};
  Context ctx = support::test_context(&cancel);
  int calls = 0;
  const RowStep step = {.halo = 1, .channels = 2, .fn = [&](const Tensor& rows) {
                          if (++calls == 3) cancel = true;
                          return rows;
                        }};
  EXPECT_ANY_THROW((void)depth_first(Tensor::zeros({1, 64, 2, 2}, DType::kF32), std::vector{step, step}, 1, ctx));
  EXPECT_EQ(calls, 3);
}

}  // namespace
}  // namespace swan::models

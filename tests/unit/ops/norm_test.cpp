#include "ops/norm.h"

#include <fmt/format.h>

#include "ops_testing.h"

namespace swan::ops::testing {
namespace {

struct NormCase {
  int64_t batch, tokens, channels;
  [[nodiscard]] std::string name() const { return fmt::format("{}x{}x{}", batch, tokens, channels); }
};
std::ostream& operator<<(std::ostream& out, const NormCase& c) { return out << c.name(); }

std::vector<NormCase> cases() {
  std::vector<NormCase> all = {{1, 1, 1}, {2, 3, 1}, {3, 1, 2}, {2, 1031, 5}, {1, 77, 1152}, {2, 3, 2240}};
  for (const int64_t channels : {3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 61, 127, 129, 257})
    all.push_back({2, 3, channels});
  return all;
}

// Sums of squares have no cancellation: whatever the order, the mean square is within a few roundings (vector lanes and
// pairwise halving keep chains short), and its root within half of that. Then a handful of roundings of the factors.
constexpr double kRelative = 4 * kEpsilon;

using RmsNormTest = OracleTest<NormCase>;
SWAN_FOR_EACH_CASE(RmsNormTest, cases());

TEST_P(RmsNormTest, MatchesReference) {
  const auto& [batch, tokens, channels] = param();
  const Tensor x = normal({batch, tokens, channels}, 1, 3, 0.5);
  const Tensor weight = normal({channels}, 2), bias = normal({channels}, 3), residual = normal(x.shape(), 4);
  // Where terms are added the result may be smaller than they are; their products stay below 10.
  const Tolerance sums = {.relative = kRelative, .absolute = 10 * kRelative};
  for (const Tensor& scale : {Tensor(), weight}) {
    SCOPED_TRACE(scale.defined() ? "weight" : "no weight");
    for (const float eps : {1e-6F, 1e-5F, 1.0F})
      EXPECT_TRUE(close(rms_norm(x, scale, eps, {}, ctx), rms_norm(x, scale, eps, {}, oracle), {.relative = kRelative}))
          << "eps " << eps;
    for (const Activation activation :
         {Activation::kNone, Activation::kRelu, Activation::kSilu, Activation::kGeluTanh}) {
      for (const Tensor& added : {Tensor(), residual}) {
        const RmsNormOptions options = {.bias = bias, .activation = activation, .residual = added};
        EXPECT_TRUE(close(rms_norm(x, scale, 1e-5F, options, ctx), rms_norm(x, scale, 1e-5F, options, oracle), sums))
            << "activation " << static_cast<int>(activation) << ", residual " << added.defined();
      }
    }
    const RmsNormOptions only_residual = {.residual = residual};
    EXPECT_TRUE(
        close(rms_norm(x, scale, 1e-5F, only_residual, ctx), rms_norm(x, scale, 1e-5F, only_residual, oracle), sums));
  }
  const RmsNormOptions gemma = {.weight_plus_one = true};  // 1 + weight may cancel: sums
  EXPECT_TRUE(close(rms_norm(x, weight, 1e-6F, gemma, ctx), rms_norm(x, weight, 1e-6F, gemma, oracle), sums));
}

TEST_P(RmsNormTest, AddsEpsUnderTheRoot) {
  // With x about 1e-3 and eps 1e-6 the mean square and eps weigh alike.
  const auto& [batch, tokens, channels] = param();
  const Tensor x = normal({batch, tokens, channels}, 1, 1e-3);
  EXPECT_TRUE(close(rms_norm(x, {}, 1e-6F, {}, ctx), rms_norm(x, {}, 1e-6F, {}, oracle), {.relative = kRelative}));
}

TEST_P(RmsNormTest, HoldsForLargeAndSmallMagnitudes) {
  const auto& [batch, tokens, channels] = param();
  for (const double scale : {1e-15, 1e15}) {  // whose squares f32 can still hold
    const Tensor x = normal({batch, tokens, channels}, 1, scale);
    EXPECT_TRUE(close(rms_norm(x, {}, 1e-36F, {}, ctx), rms_norm(x, {}, 1e-36F, {}, oracle), {.relative = kRelative}))
        << scale;
  }
}

using LayerNormModulateTest = OracleTest<NormCase>;
SWAN_FOR_EACH_CASE(LayerNormModulateTest, cases());

TEST_P(LayerNormModulateTest, MatchesReference) {
  const auto& [batch, tokens, channels] = param();
  const Tensor scale = normal({batch, channels}, 2), shift = normal({batch, channels}, 3);
  // A mean far from zero: a few roundings of the sum shift every centred value by as many epsilon |mean|, here in units
  // of the deviation (eps bounds it from below where channels are few) and times 1 + scale, below 5. A one-pass
  // variance would be off by (mean / deviation)^2 roundings and fail.
  for (const double mean : {0.0, 2.0, 300.0}) {
    const Tensor x = normal({batch, tokens, channels}, 1, 1, mean);
    const float eps = channels < 16 ? 1.0F : 1e-6F;
    EXPECT_TRUE(close(layer_norm_modulate(x, scale, shift, eps, ctx), layer_norm_modulate(x, scale, shift, eps, oracle),
                      {.relative = kRelative, .absolute = kEpsilon * (40 + 16 * mean)}))
        << "mean " << mean;
  }
}

using LayerNormTest = OracleTest<NormCase>;
SWAN_FOR_EACH_CASE(LayerNormTest, cases());

TEST_P(LayerNormTest, MatchesReference) {
  const auto& [batch, tokens, channels] = param();
  const Tensor weight = normal({channels}, 2), bias = normal({channels}, 3);
  for (const double mean : {0.0, 2.0, 300.0}) {  // tolerances as above
    const Tensor x = normal({batch, tokens, channels}, 1, 1, mean);
    const float eps = channels < 16 ? 1.0F : 1e-6F;
    EXPECT_TRUE(close(layer_norm(x, weight, bias, eps, ctx), layer_norm(x, weight, bias, eps, oracle),
                      {.relative = kRelative, .absolute = kEpsilon * (40 + 16 * mean)}))
        << "mean " << mean;
  }
}

}  // namespace
}  // namespace swan::ops::testing

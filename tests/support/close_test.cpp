#include "support/close.h"

#include <array>
#include <cmath>
#include <limits>
#include <string>

namespace swan::support {
namespace {

Tensor of(std::initializer_list<float> values) {
  return Tensor::from(std::span<const float>(values.begin(), values.size()), {static_cast<int64_t>(values.size())});
}

TEST(Close, MeasuresTheErrorInRootMeanSquares) {
  const Tensor expected = of({3, -3, 3, -3});
  const Tensor actual = of({3, -3, 3.3F, -3});
  EXPECT_TRUE(close(actual, expected, 0.1001));
  EXPECT_FALSE(close(actual, expected, 0.0999));
  EXPECT_EQ(distance(actual, expected).worst_index, 2);
}

TEST(Distance, MeasuresNormsAndTheLargestError) {
  const Distance d = distance(of({3.3F, -3, 3, -3.4F}), of({3, -3, 3, -3}));
  EXPECT_NEAR(d.relative_l2, 0.5 / 6, 1e-6);
  EXPECT_NEAR(d.max_abs, 0.4, 1e-6);
  const Distance bad = distance(of({1, std::numeric_limits<float>::quiet_NaN()}), of({1, 2}));
  EXPECT_TRUE(std::isnan(bad.relative_l2));
  EXPECT_TRUE(std::isnan(bad.max_abs));
}

TEST(Close, FailsOnWhatIsNotFinite) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInf = std::numeric_limits<float>::infinity();
  for (const float bad : {kNan, kInf, -kInf}) {
    EXPECT_FALSE(close(of({1, bad}), of({1, 2}), 1e9)) << bad;
    EXPECT_FALSE(close(of({1, 2}), of({1, bad}), 1e9)) << bad;
    EXPECT_FALSE(close(of({bad, 2}), of({1, 2}), 1e9)) << bad;
  }
}

TEST(Close, FailsOnShapeDTypeAndNothing) {
  EXPECT_FALSE(close(of({1, 2}), of({1, 2}).reshape({1, 2}), 1));
  EXPECT_FALSE(close(of({1, 2}).to(DType::kF16), of({1, 2}), 1));
  EXPECT_FALSE(close(Tensor(), of({1}), 1));
  EXPECT_FALSE(close(of({}), of({}), 1));
}

TEST(Close, ZerosAreOnlyCloseToZeros) {
  EXPECT_TRUE(close(of({0, 0}), of({0, 0}), 0));
  EXPECT_FALSE(close(of({0, 1e-30F}), of({0, 0}), 1));
}

TEST(Close, ReportsTheWorstElementAlsoWhenItPasses) {
  const auto result = close(of({1, 2.5F, 3, 4}).reshape({2, 2}), of({1, 2, 3, 4}).reshape({2, 2}), 1);
  EXPECT_TRUE(result);
  EXPECT_NE(std::string(result.message()).find("[0, 1] of [2, 2]: 2.5, expected 2"), std::string::npos)
      << result.message();
  EXPECT_NE(std::string(result.message()).find("cosine 0.99"), std::string::npos) << result.message();
}

TEST(Identical, CountsDifferences) {
  EXPECT_TRUE(identical(of({1, 2}), of({1, 2})));
  const auto result = identical(of({1, 3, 4}), of({1, 2, 3}));
  EXPECT_FALSE(result);
  EXPECT_NE(std::string(result.message()).find("2 of 3 values differ, first at [1]"), std::string::npos)
      << result.message();
}

}  // namespace
}  // namespace swan::support

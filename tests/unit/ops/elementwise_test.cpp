#include "ops/elementwise.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "ops/embedding.h"
#include "ops_testing.h"

namespace swan::ops::testing {
namespace {

struct Length {
  int64_t n;
  [[nodiscard]] std::string name() const { return fmt::format("n{}", n); }
};
std::ostream& operator<<(std::ostream& out, const Length& c) { return out << c.name(); }

// Around the lanes of every vector width, and enough for several tasks.
std::vector<Length> lengths() {
  std::vector<Length> all;
  for (const int64_t n : {1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 31, 32, 33, 61, 63, 64, 65, 127, 129, 1009, 100003})
    all.push_back({n});
  return all;
}

using ElementwiseTest = OracleTest<Length>;
SWAN_FOR_EACH_CASE(ElementwiseTest, lengths());

TEST_P(ElementwiseTest, Add) {
  const int64_t n = param().n;
  const Tensor x = normal({2, 3, n}, 1);
  for (const Shape& suffix : {Shape{2, 3, n}, Shape{3, n}, Shape{n}}) {
    const Tensor b = normal(suffix, 2);
    EXPECT_TRUE(identical(add(x, b, ctx), add(x, b, oracle))) << suffix.str();  // one rounding: exact
  }
}

TEST_P(ElementwiseTest, AddOfSmallSuffixes) {
  const Tensor x = normal({param().n, 3}, 1), b = normal({3}, 2), one = normal({1}, 3);
  EXPECT_TRUE(identical(add(x, b, ctx), add(x, b, oracle)));
  const Tensor column = normal({param().n, 1}, 4);
  EXPECT_TRUE(identical(add(column, one, ctx), add(column, one, oracle)));
}

TEST_P(ElementwiseTest, AddGated) {
  const int64_t n = param().n;
  const Tensor x = normal({2, 3, n}, 1), gate = normal({2, n}, 2), y = normal({2, 3, n}, 3);
  // Two roundings, of terms below 5 and 25.
  EXPECT_TRUE(close(add_gated(x, gate, y, ctx), add_gated(x, gate, y, oracle), {.absolute = 25 * kEpsilon}));
}

// Exponential and tanh to about 4 units in the last place, and the division.
constexpr double kTranscendental = 8 * kEpsilon;

TEST_P(ElementwiseTest, Activate) {
  const Tensor x = normal({param().n}, 1, 3);
  EXPECT_TRUE(identical(activate(x, Activation::kNone, ctx), x));
  EXPECT_TRUE(close(activate(x, Activation::kRelu, ctx), activate(x, Activation::kRelu, oracle), {}));
  EXPECT_TRUE(close(activate(x, Activation::kSilu, ctx), activate(x, Activation::kSilu, oracle),
                    {.relative = kTranscendental}));
  // 1 + tanh cancels for x below 0, in torch too; what is left has the error of 1, times x / 2.
  EXPECT_TRUE(close(activate(x, Activation::kGeluTanh, ctx), activate(x, Activation::kGeluTanh, oracle),
                    {.relative = kTranscendental, .absolute = 4 * kEpsilon}));
}

TEST_P(ElementwiseTest, GatedActivation) {
  const Tensor gate = normal({param().n}, 1, 3), up = normal({param().n}, 2);
  for (const Activation activation : {Activation::kNone, Activation::kRelu, Activation::kSilu, Activation::kGeluTanh})
    EXPECT_TRUE(close(gated_activation(gate, up, activation, ctx), gated_activation(gate, up, activation, oracle),
                      {.relative = kTranscendental, .absolute = 4 * 4 * kEpsilon}))
        << static_cast<int>(activation);
}

TEST_P(ElementwiseTest, Clamp) {
  const Tensor x = normal({3, param().n}, 1);
  const Tensor found = clamp(x, -0.5F, 1, ctx).cpu();
  EXPECT_TRUE(identical(found, clamp(x, -0.5F, 1, oracle)));
  for (int64_t i = 0; i < found.numel(); ++i)
    ASSERT_EQ(found.data<float>()[i], std::min(std::max(x.data<float>()[i], -0.5F), 1.0F)) << i;
  constexpr float kInf = std::numeric_limits<float>::infinity();
  const std::vector<float> extremes = {kInf, -kInf, std::nanf(""), -0.0F};
  const Tensor ends = clamp(Tensor::from(std::span<const float>(extremes), {4}), -1, 1, ctx).cpu();
  EXPECT_EQ(ends.data<float>()[0], 1);
  EXPECT_EQ(ends.data<float>()[1], -1);
  EXPECT_TRUE(std::isnan(ends.data<float>()[2])) << "it must be noticed";
  EXPECT_EQ(ends.data<float>()[3], 0);
}

TEST_P(ElementwiseTest, LinearCombination) {
  const std::vector<float> coefficients = {0.5F, -1.25F, 3, 1e-3F, -2};
  std::vector<Tensor> terms;
  for (uint32_t i = 0; i < coefficients.size(); ++i) {
    terms.push_back(normal({param().n}, i));
    // A rounding for each product and sum, of terms below 3 * 5.
    const std::span<const float> used(coefficients.data(), terms.size());
    EXPECT_TRUE(close(linear_combination(used, terms, ctx), linear_combination(used, terms, oracle),
                      {.absolute = 15 * kEpsilon * (i + 1)}))
        << terms.size() << " terms";
  }
}

TEST_P(ElementwiseTest, CountNonfiniteFindsEveryPosition) {
  const int64_t n = param().n;
  Tensor x = normal({n}, 1);
  ASSERT_EQ(nonfinite_in(x, ctx), 0);
  auto* values = x.data_mut<float>();
  const auto signalling = std::bit_cast<float>(0x7f800001U), negative_nan = std::bit_cast<float>(0xffc00000U);
  for (int64_t i = 0; i < n; i += i >= 129 && i < n - 129 ? 997 : 1) {
    const float before = values[i];
    for (const float bad : {NAN, signalling, negative_nan, INFINITY, -INFINITY}) {
      values[i] = bad;
      ASSERT_EQ(nonfinite_in(x, ctx), 1) << bad << " at " << i;
    }
    for (const float good : {FLT_MAX, -FLT_MAX, FLT_MIN, std::numeric_limits<float>::denorm_min(), -0.0F}) {
      values[i] = good;
      ASSERT_EQ(nonfinite_in(x, ctx), 0) << good << " at " << i;
    }
    values[i] = before;
  }
  for (int64_t i = 0; i < n; ++i) values[i] = i % 2 == 0 ? NAN : INFINITY;
  EXPECT_EQ(nonfinite_in(x, ctx), n);
}

using Activations = BackendTest;
INSTANTIATE_TEST_SUITE_P(Backends, Activations, ::testing::ValuesIn(backends_under_test()), name_of_backend);

TEST_P(Activations, HoldOverTheWholeRange) {
  Context oracle(oracle_kernels());
  // Every 4093rd f32 pattern: all exponents, both signs, subnormals, without NaN and infinity.
  std::vector<float> points;
  for (uint64_t bits = 0; bits < 0x7f800000U; bits += 4093) {
    points.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
    points.push_back(-points.back());
  }
  const Tensor x = Tensor::from(points, {static_cast<int64_t>(points.size())});
  for (const Activation activation : {Activation::kRelu, Activation::kSilu, Activation::kGeluTanh}) {
    const Tensor found = activate(x, activation, ctx).cpu(), expected = activate(x, activation, oracle);
    for (int64_t i = 0; i < x.numel(); ++i) {
      const double a = found.data<float>()[i], b = expected.data<float>()[i], at = x.data<float>()[i];
      // exp(-x) overflows f32 below -88.7, where torch's silu is -0 too: x exp(x) is below 1e-36 there.
      double limit = kTranscendental * std::abs(b) + (activation == Activation::kSilu ? 1e-36 : FLT_MIN);
      if (activation == Activation::kGeluTanh && at < 0) limit += 4 * kEpsilon * std::min(-at, 10.0);
      ASSERT_TRUE(std::abs(a - b) <= limit)
          << fmt::format("activation {} at {:.9g}: found {:.9g}, expected {:.9g}, error {:.3g} of the tolerance",
                         static_cast<int>(activation), at, a, b, std::abs(a - b) / limit);
    }
  }
}

struct EmbeddingCase {
  int64_t rows, channels;
  DType dtype;
  [[nodiscard]] std::string name() const { return fmt::format("{}x{}_{}", rows, channels, dtype_name(dtype)); }
};
std::ostream& operator<<(std::ostream& out, const EmbeddingCase& c) { return out << c.name(); }

std::vector<EmbeddingCase> embedding_cases() {
  std::vector<EmbeddingCase> all;
  for (const int64_t channels : {1, 3, 7, 8, 15, 17, 33, 127, 2304})
    for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16})
      all.push_back({channels % 5 + 1, channels, dtype});
  return all;
}

using EmbeddingTest = OracleTest<EmbeddingCase>;
SWAN_FOR_EACH_CASE(EmbeddingTest, embedding_cases());

TEST_P(EmbeddingTest, IsExact) {
  const auto& [rows, channels, dtype] = param();
  // Magnitudes from f16's subnormals (5e-8) up, whose conversion is a path of its own.
  for (const double scale : {1e-6, 1.0, 1e4}) {
    const Tensor table = misaligned(normal({rows, channels}, 1, scale).to(dtype));
    const auto last = static_cast<int32_t>(rows - 1);
    const Tensor ids = Tensor::from(std::vector<int32_t>{0, last, last / 2, last, 0, last}, {2, 3});
    // Widening is exact and the product rounds once.
    EXPECT_TRUE(identical(embedding(ids, table, 48.0F, ctx), embedding(ids, table, 48.0F, oracle))) << scale;
    EXPECT_TRUE(identical(embedding(ids, table, 0.3F, ctx), embedding(ids, table, 0.3F, oracle))) << scale;
  }
}

using Widening = BackendTest;
INSTANTIATE_TEST_SUITE_P(Backends, Widening, ::testing::ValuesIn(backends_under_test()), name_of_backend);

TEST_P(Widening, IsExactForEveryPattern) {
  Context oracle(oracle_kernels());
  std::vector<uint16_t> patterns(65536);
  std::iota(patterns.begin(), patterns.end(), uint16_t{0});
  const Tensor ids = Tensor::from(std::vector<int32_t>{0}, {1, 1});
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    const Tensor table = Tensor::view_of(patterns.data(), {1, 65536}, dtype, nullptr);
    const Tensor found = embedding(ids, table, 1, ctx).cpu(), expected = embedding(ids, table, 1, oracle);
    for (int64_t i = 0; i < 65536; ++i) {
      const float a = found.data<float>()[i], b = expected.data<float>()[i];
      // A NaN's payload may change; a subnormal must not become zero.
      ASSERT_TRUE(std::isnan(b) ? std::isnan(a) : std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b))
          << fmt::format("{} {:#06x}: found {}, expected {}", dtype_name(dtype), i, a, b);
    }
  }
}

}  // namespace
}  // namespace swan::ops::testing

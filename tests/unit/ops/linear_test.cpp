#include "ops/linear.h"

#include <fmt/format.h>

#include <cmath>

#include "ops_testing.h"

namespace swan::ops::testing {
namespace {

struct LinearCase {
  int64_t rows, in, out;
  DType dtype;
  [[nodiscard]] std::string name() const { return fmt::format("{}x{}x{}_{}", rows, in, out, dtype_name(dtype)); }
};
std::ostream& operator<<(std::ostream& out, const LinearCase& c) { return out << c.name(); }

std::vector<LinearCase> cases() {
  std::vector<LinearCase> all;
  const std::vector<std::array<int64_t, 3>> sizes = {
      {1, 1, 1},    {2, 3, 1},      {1, 1, 7},     {3, 2, 2},      {7, 15, 17},  {16, 16, 16},
      {17, 33, 31}, {5, 63, 65},    {2, 127, 129}, {33, 64, 48},   {13, 241, 7}, {300, 17, 19},
      {1, 2304, 5}, {64, 320, 100}, {2, 4099, 3},  {1, 512, 1031},
  };
  for (const auto& [rows, in, out] : sizes)
    for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) all.push_back({rows, in, out, dtype});
  return all;
}

// A sum of K terms kept in f32 drifts from the exact one as a random walk of K roundings of its partial sums: at worst
// (one accumulator) 0.2 sqrt(K) epsilon of the result's RMS, which is sqrt(K) rms(x) rms(w); five of those as outliers
// happen. The widened weights are exact, so their dtype does not matter. Activations add a few roundings of the result.
Tolerance tolerance(const Tensor& x, const LinearWeight& w) {
  const double root = std::sqrt(static_cast<double>(w.in_features()));
  const double size = root * rms(x) * rms(w.weight) + (w.bias.defined() ? rms(w.bias) : 0);
  return {.relative = 4 * kEpsilon, .absolute = kEpsilon * (2 + root) * size};
}

using LinearTest = OracleTest<LinearCase>;
SWAN_FOR_EACH_CASE(LinearTest, cases());

TEST_P(LinearTest, MatchesReference) {
  const auto& [rows, in, out, dtype] = param();
  const Tensor x = normal({rows, in}, 1);
  const Tensor weight = normal({out, in}, 2, 0.5).to(dtype);
  for (const Tensor& bias : {Tensor(), normal({out}, 3)}) {
    const LinearWeight w = {weight, bias};
    for (const Activation activation :
         {Activation::kNone, Activation::kRelu, Activation::kSilu, Activation::kGeluTanh}) {
      SCOPED_TRACE(fmt::format("activation {}, bias {}", static_cast<int>(activation), bias.defined()));
      EXPECT_TRUE(close(linear(x, w, activation, ctx), linear(x, w, activation, oracle), tolerance(x, w)));
    }
  }
}

TEST_P(LinearTest, UsesWeightsWhereverTheyAreMapped) {
  const auto& [rows, in, out, dtype] = param();
  const Tensor x = misaligned(normal({rows, in}, 4));
  const LinearWeight w = {misaligned(normal({out, in}, 5).to(dtype)), misaligned(normal({out}, 6))};
  EXPECT_TRUE(close(linear(x, w, Activation::kNone, ctx), linear(x, w, Activation::kNone, oracle), tolerance(x, w)));
}

using LinearShapes = BackendTest;
INSTANTIATE_TEST_SUITE_P(Backends, LinearShapes, ::testing::ValuesIn(all_backends()), name_of_backend);

TEST_P(LinearShapes, KeepsLeadingDimensions) {
  const LinearWeight w = {normal({5, 7}, 1), normal({5}, 2)};
  const Tensor flat = linear(normal({12, 7}, 3), w, Activation::kNone, ctx);
  for (const Shape& leading : {Shape{12}, Shape{3, 4}, Shape{2, 3, 2}, Shape{1, 2, 3, 2}}) {
    std::vector<int64_t> dims(leading.dims().begin(), leading.dims().end());
    dims.push_back(7);
    const Tensor y = linear(normal({12, 7}, 3).reshape(Shape(dims)), w, Activation::kNone, ctx);
    dims.back() = 5;
    EXPECT_EQ(y.shape(), Shape(dims));
    EXPECT_TRUE(identical(y.reshape({12, 5}), flat));
  }
  EXPECT_EQ(linear(normal({7}, 3), w, Activation::kNone, ctx).shape(), (Shape{5}));
}

TEST_P(LinearShapes, WeightsOfOneShapeAreToldApart) {
  // What a backend caches by shape (primitives, packed weights) must not carry values from one layer to the next.
  const Tensor x = normal({3, 40}, 1);
  const LinearWeight first = {normal({24, 40}, 2), {}}, second = {normal({24, 40}, 3), {}};
  const Tensor before = linear(x, first, Activation::kNone, ctx);
  const Tensor other = linear(x, second, Activation::kNone, ctx);
  EXPECT_TRUE(identical(linear(x, first, Activation::kNone, ctx), before));
  EXPECT_FALSE(identical(other, before));
}

// A format for the test: a scale and eight values, signed bytes all.
void dequantise_toy(const uint8_t* block, float* values) {
  for (int i = 0; i < 8; ++i)
    values[i] =
        static_cast<float>(static_cast<int8_t>(block[0])) / 64 * static_cast<float>(static_cast<int8_t>(block[1 + i]));
}
constexpr BlockFormat kToy = {"toy", 8, 9, dequantise_toy};

// Weights that stay in their blocks give the bits that their values in f32 give; more rows and columns than a task has,
// too.
TEST_P(LinearShapes, WeightsInBlocksAreTheirValues) {
  constexpr int64_t kMost = 1100;
  for (const auto& [rows, in, out] : std::vector<std::array<int64_t, 3>>{{1, 8, 1}, {5, 40, 77}, {kMost, 64, 300}}) {
    Tensor bytes = Tensor::empty({out * in / 8 * 9}, DType::kU8);
    for (int64_t i = 0; i < bytes.numel(); ++i) bytes.data_mut<uint8_t>()[i] = static_cast<uint8_t>(i * 37 % 251);
    const LinearWeight w = {.weight = {}, .bias = normal({out}, 2), .blocks = BlockMatrix(kToy, bytes, out, in)};
    EXPECT_EQ(w.out_features(), out);
    EXPECT_EQ(w.in_features(), in);
    const Tensor x = normal({rows, in}, 3);
    if (ctx.device() != nullptr) {
      EXPECT_THROW((void)linear(x, w, Activation::kNone, ctx), Error);
      continue;
    }
    Tensor values = Tensor::empty({out, in}, DType::kF32);
    for (int64_t i = 0; i < values.numel() / 8; ++i)
      dequantise_toy(bytes.data<uint8_t>() + i * 9, values.data_mut<float>() + i * 8);
    for (const Activation activation : {Activation::kNone, Activation::kSilu})
      EXPECT_TRUE(identical(linear(x, w, activation, ctx), linear(x, {values, w.bias}, activation, ctx)));
    EXPECT_THROW((void)linear(normal({rows, in + 8}, 3), w, Activation::kNone, ctx), Error);
  }
}

}  // namespace
}  // namespace swan::ops::testing

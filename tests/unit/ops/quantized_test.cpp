// Rounding to e4m3 by rows, and products of what was rounded. The CPU backend has none of it: without a GPU these tests
// look at the oracle itself.
#include "ops/quantized.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "core/device.h"
#include "cpu/kernels.h"
#include "ops/linear.h"
#include "ops/norm.h"
#include "ops_testing.h"
#include "support/device.h"

namespace swan::ops::testing {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr double kHalfStep = 1.0 / 16;  // of e4m3 at most, relative to the value

// The backends that have products in e4m3: the reference, and the GPU where there is one.
std::vector<Backend> backends_with_f8() {
  std::vector<Backend> all;
  for (const Backend& backend : all_backends())
    if (std::string(backend.name) != "cpu") all.push_back(backend);
  return all;
}
std::vector<DType> gpu_dtypes() {
  return support::test_gpus() > 0 ? std::vector<DType>{DType::kF32, DType::kBF16, DType::kF16} : std::vector<DType>();
}
std::vector<DType> gpu_halves() {
  return support::test_gpus() > 0 ? std::vector<DType>{DType::kBF16, DType::kF16} : std::vector<DType>();
}

// What the codes and scales stand for, f32 on the host.
Tensor dequantized(const QuantizedRows& rows) {
  const Tensor values = rows.values.cpu().to(DType::kF32), scales = rows.scales.cpu();
  const int64_t length = values.dim(-1);
  Tensor x = values.clone();
  for (int64_t i = 0; i < x.numel(); ++i) x.data_mut<float>()[i] *= scales.data<float>()[i / length];
  return x;
}

::testing::AssertionResult identical_rows(const QuantizedRows& found, const QuantizedRows& expected) {
  const auto scales = identical(found.scales, expected.scales);
  return scales ? identical(found.values, expected.values) : scales;
}

// Rows of very different sizes, one of zeros, one with values of 1e4.
Tensor uneven(int64_t rows, int64_t length, uint32_t seed) {
  Tensor x = normal({rows, length}, seed);
  for (int64_t r = 0; r < rows; ++r) {
    const auto size = static_cast<float>(r % 9 == 5 ? 0 : r % 9 == 7 ? 1e4 : std::pow(10, r % 9 - 4));
    for (int64_t i = 0; i < length; ++i) x.data_mut<float>()[r * length + i] *= size;
  }
  return x;
}

// --- Rounding

using QuantizeRows = BackendTest;
INSTANTIATE_TEST_SUITE_P(Backends, QuantizeRows, ::testing::ValuesIn(backends_with_f8()), name_of_backend);

TEST_P(QuantizeRows, RoundsToNearestEvenAndSaturates) {
  // A row whose largest value is 448 has scale 1. Between 2^e and 2^(e + 1) steps are 2^(e - 3); the smallest normal
  // number is 2^-6 and the smallest of all 2^-9.
  const std::vector<std::array<float, 2>> table = {{448, 448},
                                                   {-448, -448},
                                                   {1, 1},
                                                   {1.0625F, 1},  // ties go to the even code
                                                   {1.1875F, 1.25F},
                                                   {1.06251F, 1.125F},
                                                   {432, 448},
                                                   {400, 384},
                                                   {431.9F, 416},
                                                   {17, 16},
                                                   {-19, -20},
                                                   {0x1p-6F, 0x1p-6F},
                                                   {0x1.fp-7F, 0x1p-6F},  // between the largest subnormal and that
                                                   {0x1p-9F, 0x1p-9F},
                                                   {0x1p-10F, 0},
                                                   {0x1.8p-10F, 0x1p-9F},
                                                   {0x1.8p-9F, 0x1p-8F},
                                                   {-0x1.4p-8F, -0x1p-8F},
                                                   {1e-30F, 0},
                                                   {0, 0}};
  std::vector<float> given, expected;
  for (const auto& [value, rounded] : table) {
    given.push_back(value);
    expected.push_back(rounded);
  }
  const Shape shape = {1, static_cast<int64_t>(given.size())};
  const QuantizedRows rows = quantize_rows(Tensor::from(given, shape), Activation::kNone, ctx);
  EXPECT_EQ(rows.scales.cpu().data<float>()[0], 1);
  const Tensor found = rows.values.cpu().to(DType::kF32);
  for (size_t i = 0; i < given.size(); ++i) EXPECT_EQ(found.data<float>()[i], expected[i]) << given[i];
}

TEST_P(QuantizeRows, ScalesEachRowByItsLargestMagnitude) {
  const Tensor x = uneven(30, 100, 1);
  const QuantizedRows rows = quantize_rows(x, Activation::kNone, ctx);
  ASSERT_EQ(rows.scales.shape(), (Shape{30}));
  ASSERT_EQ(rows.values.shape(), x.shape());
  const Tensor back = dequantized(rows), scales = rows.scales.cpu();
  for (int64_t r = 0; r < 30; ++r) {
    float largest = 0;
    for (int64_t i = 0; i < 100; ++i) {
      const float value = x.data<float>()[r * 100 + i], scale = scales.data<float>()[r];
      largest = std::max(largest, std::abs(value));
      EXPECT_NEAR(back.data<float>()[r * 100 + i], value, kHalfStep * 1.001 * std::abs(value) + scale * 0x1p-10)
          << "row " << r;
    }
    if (r % 9 != 5) {
      EXPECT_FLOAT_EQ(scales.data<float>()[r], largest / 448);
    }
  }
}

TEST_P(QuantizeRows, KeepsZerosAndDoesNotHideWhatIsNotFinite) {
  Tensor x = normal({5, 48}, 2);
  float* values = x.data_mut<float>();
  std::fill_n(values, 48, 0.0F);
  values[48 + 3] = kNan;
  values[2 * 48 + 47] = kInfinity;
  values[3 * 48] = -kInfinity;
  const QuantizedRows rows = quantize_rows(x, Activation::kNone, ctx);
  const Tensor back = dequantized(rows);
  for (int64_t i = 0; i < 48; ++i) EXPECT_EQ(back.data<float>()[i], 0);
  EXPECT_TRUE(std::isfinite(rows.scales.cpu().data<float>()[0]));
  EXPECT_TRUE(std::isnan(back.data<float>()[48 + 3]));
  EXPECT_TRUE(std::isnan(back.data<float>()[2 * 48 + 47]));
  EXPECT_TRUE(std::isnan(back.data<float>()[3 * 48]));
  for (int64_t i = 4 * 48; i < 5 * 48; ++i) EXPECT_TRUE(std::isfinite(back.data<float>()[i]));

  // In a product they spoil their row and, of the weight, their column.
  const QuantizedRows plain = quantize_weight(normal({32, 48}, 3), ctx);
  const Tensor bias = normal({32}, 4);
  const Tensor y = linear_f8(rows, plain, bias, Activation::kNone, ctx).cpu();
  for (int64_t i = 0; i < 5 * 32; ++i) {
    const float value = y.data<float>()[i];
    if (i / 32 == 0) {
      EXPECT_EQ(value, bias.data<float>()[i]);
    } else {
      EXPECT_EQ(std::isfinite(value), i / 32 == 4) << "row " << i / 32;
    }
  }
  Tensor weight = normal({32, 48}, 3);
  weight.data_mut<float>()[7 * 48 + 1] = kNan;
  weight.data_mut<float>()[9 * 48 + 1] = kInfinity;
  const Tensor z = linear_f8(quantize_rows(normal({3, 48}, 5), Activation::kNone, ctx), quantize_weight(weight, ctx),
                             {}, Activation::kNone, ctx)
                       .cpu();
  for (int64_t i = 0; i < 3 * 32; ++i)
    EXPECT_EQ(std::isfinite(z.data<float>()[i]), i % 32 != 7 && i % 32 != 9) << "column " << i % 32;
}

TEST_P(QuantizeRows, TakesWeightsInEveryStorage) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    const Tensor weight = normal({33, 40}, 6).to(dtype);
    EXPECT_TRUE(identical_rows(quantize_weight(weight.constant(), ctx),
                               quantize_rows(weight.to(DType::kF32), Activation::kNone, ctx)))
        << dtype_name(dtype);
  }
}

TEST_P(QuantizeRows, TakesNoRows) {
  const QuantizedRows rows = quantize_rows(Tensor::zeros({0, 32}, DType::kF32), Activation::kNone, ctx);
  EXPECT_EQ(rows.values.shape(), (Shape{0, 32}));
  EXPECT_EQ(rows.scales.shape(), (Shape{0}));
  const QuantizedRows weight = quantize_weight(normal({16, 32}, 7), ctx);
  EXPECT_EQ(linear_f8(rows, weight, {}, Activation::kNone, ctx).shape(), (Shape{0, 16}));
}

// On the GPU: the oracle's bits, for lengths that each kernel takes and rows that do not fill its blocks.
class GpuQuantize : public ::testing::TestWithParam<std::tuple<DType, int64_t, int64_t>> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GpuQuantize);
INSTANTIATE_TEST_SUITE_P(Gpu, GpuQuantize,
                         ::testing::Combine(::testing::ValuesIn(gpu_dtypes()), ::testing::Values(1, 2, 33, 130),
                                            ::testing::Values(1, 7, 16, 72, 131, 512, 1536, 2304, 2312, 8960, 41000)),
                         [](const auto& info) {
                           return fmt::format("{}_{}x{}", dtype_name(std::get<0>(info.param)), std::get<1>(info.param),
                                              std::get<2>(info.param));
                         });

TEST_P(GpuQuantize, GivesTheOraclesBits) {
  const auto& [dtype, rows, length] = GetParam();
  Context gpu = support::gpu_context(dtype), oracle(oracle_kernels());
  Tensor wide = uneven(rows, length, 8);
  if (dtype == DType::kF16)  // 1e4 times a few is beyond it
    for (int64_t i = 0; i < wide.numel(); ++i) wide.data_mut<float>()[i] /= 4;
  const Tensor x = wide.on(gpu.device(), dtype);
  const QuantizedRows expected = quantize_rows(wide.to(dtype).to(DType::kF32), Activation::kNone, oracle);
  EXPECT_TRUE(identical_rows(quantize_rows(x, Activation::kNone, gpu), expected));
  if (rows < 3) return;
  // Rows that start where no vector of 16 bytes does.
  const Tensor tail = x.slice(1, rows);
  EXPECT_TRUE(identical_rows(quantize_rows(tail, Activation::kNone, gpu),
                             {expected.values.slice(1, rows), expected.scales.slice(1, rows)}));
}

TEST_P(GpuQuantize, RoundsWhatANormOrAnActivationGives) {
  const auto& [dtype, rows, length] = GetParam();
  Context gpu = support::gpu_context(dtype);
  const Tensor x = normal({1, rows, length}, 9, 3, 0.5).on(gpu.device(), dtype);
  const Tensor weight = normal({length}, 10), bias = normal({length}, 11);
  EXPECT_TRUE(identical_rows(layer_norm_quantized(x, weight, bias, 1e-6F, gpu),
                             quantize_rows(layer_norm(x, weight, bias, 1e-6F, gpu), Activation::kNone, gpu)));
  for (const DType modulation : {DType::kF32, dtype}) {
    const Tensor scale = normal({1, length}, 12).on(gpu.device(), modulation);
    const Tensor shift = normal({1, length}, 13).on(gpu.device(), modulation);
    EXPECT_TRUE(
        identical_rows(layer_norm_modulate_quantized(x, scale, shift, 1e-6F, gpu),
                       quantize_rows(layer_norm_modulate(x, scale, shift, 1e-6F, gpu), Activation::kNone, gpu)));
  }
  // An activation's value may lie on the other side of a boundary than the oracle's: then it is one code off. Far below
  // zero, GELU is a difference that f32 does not hold.
  Context oracle(oracle_kernels());
  const Tensor flat = x.reshape({rows, length});
  const Tensor wide = flat.on(nullptr, DType::kF32);
  for (const Activation activation : {Activation::kRelu, Activation::kSilu, Activation::kGeluTanh}) {
    const QuantizedRows expected = quantize_rows(wide, activation, oracle);
    double largest = 0, input = 0;
    for (int64_t r = 0; r < rows; ++r) largest = std::max<double>(largest, expected.scales.data<float>()[r]);
    for (int64_t i = 0; i < wide.numel(); ++i) input = std::max<double>(input, std::abs(wide.data<float>()[i]));
    EXPECT_TRUE(close(dequantized(quantize_rows(flat, activation, gpu)), dequantized(expected),
                      {.relative = 2.2 * kHalfStep, .absolute = largest * 0x1p-8 + 2 * kEpsilon * input}))
        << static_cast<int>(activation);
  }
}

using Normed = BackendTest;
INSTANTIATE_TEST_SUITE_P(Backends, Normed, ::testing::ValuesIn(backends_with_f8()), name_of_backend);

TEST_P(Normed, IsRoundedByRowsOfAllSamples) {
  const Tensor x = normal({2, 7, 48}, 14), scale = normal({2, 48}, 15), shift = normal({2, 48}, 16);
  const QuantizedRows rows = layer_norm_modulate_quantized(x, scale, shift, 1e-6F, ctx);
  EXPECT_EQ(rows.values.shape(), x.shape());
  EXPECT_EQ(rows.scales.shape(), (Shape{14}));
  EXPECT_TRUE(
      identical_rows(rows, quantize_rows(layer_norm_modulate(x, scale, shift, 1e-6F, ctx), Activation::kNone, ctx)));
  const Tensor weight = normal({48}, 17), bias = normal({48}, 18);
  EXPECT_TRUE(identical_rows(layer_norm_quantized(x, weight, bias, 1e-6F, ctx),
                             quantize_rows(layer_norm(x, weight, bias, 1e-6F, ctx), Activation::kNone, ctx)));
}

// --- Products

using LinearF8 = BackendTest;
INSTANTIATE_TEST_SUITE_P(Backends, LinearF8, ::testing::ValuesIn(backends_with_f8()), name_of_backend);

constexpr std::array kActivations = {Activation::kNone, Activation::kRelu, Activation::kSilu, Activation::kGeluTanh};

// Before it is rounded to its dtype, whose unit is `unit`, a sum of K terms has lost in tensor cores up to some 2^-12.4
// of itself with every 32 terms: about 14 bits are kept (1.12 times 2^-13 was seen on an H200). Long sums move to f32
// every 128 terms (linear_f8.cpp).
Tolerance tolerance(const QuantizedRows& x, const QuantizedRows& weight, double unit) {
  const int64_t terms = weight.values.dim(1);
  const double lost = 1.5 * 0x1p-13 * static_cast<double>(1 + (terms > 4096 ? 128 : terms) / 32);
  const double size = std::sqrt(static_cast<double>(terms)) * rms(dequantized(x)) * rms(dequantized(weight));
  return {.relative = 2 * unit + lost, .absolute = (unit + lost) * size};
}

TEST_P(LinearF8, IsALinearLayerOfWhatWasRounded) {
  Context oracle(oracle_kernels());
  for (const auto& [rows, in, out] : std::vector<std::array<int64_t, 3>>{{1, 16, 16}, {2, 48, 32}, {33, 160, 48}}) {
    const QuantizedRows x = quantize_rows(normal({rows, in}, 1), Activation::kNone, ctx);
    const QuantizedRows weight = quantize_weight(normal({out, in}, 2), ctx);
    for (const Tensor& bias : {Tensor(), normal({out}, 3)})
      for (const Activation activation : kActivations) {
        const Tensor expected = linear(dequantized(x), {dequantized(weight), bias}, activation, oracle);
        EXPECT_TRUE(close(linear_f8(x, weight, bias, activation, ctx), expected, tolerance(x, weight, kEpsilon)))
            << fmt::format("{} x {} x {}, activation {}, bias {}", rows, in, out, static_cast<int>(activation),
                           bias.defined());
      }
  }
}

TEST_P(LinearF8, IsCloseToTheLayerItStandsFor) {
  const Tensor x = uneven(20, 320, 4), weight = normal({64, 320}, 5);
  Context oracle(oracle_kernels());
  const Tensor y =
      linear_f8(quantize_rows(x, Activation::kNone, ctx), quantize_weight(weight, ctx), {}, Activation::kNone, ctx);
  const Tensor found = y.cpu(), expected = linear(x, {weight}, Activation::kNone, oracle);
  for (int64_t r = 0; r < 20; ++r) {  // each row by itself: their sizes differ by orders of magnitude
    double error = 0, size = 0;
    for (int64_t i = r * 64; i < (r + 1) * 64; ++i) {
      error += std::pow(found.data<float>()[i] - expected.data<float>()[i], 2);
      size += std::pow(expected.data<float>()[i], 2);
    }
    EXPECT_LE(std::sqrt(error), 0.06 * std::sqrt(size)) << "row " << r;
    if (size > 0) {
      EXPECT_GT(std::sqrt(error), 0.005 * std::sqrt(size)) << "row " << r << ": nothing was rounded";
    }
  }
}

TEST_P(LinearF8, KeepsLeadingDimensions) {
  const QuantizedRows x = quantize_rows(normal({2, 3, 5, 32}, 6), Activation::kNone, ctx);
  const QuantizedRows weight = quantize_weight(normal({48, 32}, 7), ctx);
  const Tensor y = linear_f8(x, weight, {}, Activation::kNone, ctx);
  EXPECT_EQ(y.shape(), (Shape{2, 3, 5, 48}));
  const QuantizedRows flat = {x.values.reshape({30, 32}), x.scales};
  EXPECT_TRUE(identical(y.reshape({30, 48}), linear_f8(flat, weight, {}, Activation::kNone, ctx)));
  const QuantizedRows next = linear_f8_quantized(x, weight, {}, Activation::kGeluTanh, ctx);
  EXPECT_EQ(next.values.shape(), y.shape());
  EXPECT_EQ(next.scales.shape(), (Shape{30}));
}

TEST_P(LinearF8, GivesTheNextLayerItsResultRounded) {
  const QuantizedRows x = quantize_rows(normal({33, 64}, 8), Activation::kNone, ctx);
  const QuantizedRows weight = quantize_weight(normal({80, 64}, 9), ctx);
  for (const Tensor& bias : {Tensor(), normal({80}, 10)})
    for (const Activation activation : kActivations) {
      const Tensor y = linear_f8(x, weight, bias, activation, ctx).cpu();
      double largest = 0;
      for (int64_t i = 0; i < y.numel(); ++i) largest = std::max<double>(largest, std::abs(y.data<float>()[i]));
      const Tensor next = dequantized(linear_f8_quantized(x, weight, bias, activation, ctx));
      EXPECT_TRUE(close(next, y, {.relative = 1.1 * kHalfStep, .absolute = largest / 448 * 0x1p-9}))
          << static_cast<int>(activation);
    }
}

// On the GPU, in every dtype and in every way of applying scales, bias and activation.
struct GpuProduct {
  int64_t rows, in, out;
  const char* way;  // of SWAN_CUDA_F8; "": what the backend chooses
};
class GpuLinearF8 : public ::testing::TestWithParam<std::tuple<DType, GpuProduct>> {
 protected:
  ~GpuLinearF8() override { unsetenv("SWAN_CUDA_F8"); }
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GpuLinearF8);
std::vector<GpuProduct> gpu_products() {
  std::vector<GpuProduct> all;
  for (const char* way : {"", "fused", "biased", "scaled", "unscaled"})
    for (const auto& [rows, in, out] : std::vector<std::array<int64_t, 3>>{
             {1, 16, 16}, {2, 48, 80}, {33, 1040, 112}, {130, 160, 1040}, {130, 1536, 304}, {257, 8960, 64}})
      all.push_back({rows, in, out, way});
  return all;
}
std::string gpu_product_name(const ::testing::TestParamInfo<std::tuple<DType, GpuProduct>>& info) {
  const auto& [dtype, c] = info.param;
  return fmt::format("{}_{}x{}x{}_{}", dtype_name(dtype), c.rows, c.in, c.out, *c.way == '\0' ? "chosen" : c.way);
}
INSTANTIATE_TEST_SUITE_P(Gpu, GpuLinearF8,
                         ::testing::Combine(::testing::ValuesIn(gpu_dtypes()), ::testing::ValuesIn(gpu_products())),
                         gpu_product_name);

TEST_P(GpuLinearF8, MatchesTheOracle) {
  const auto& [dtype, c] = GetParam();
  Context gpu = support::gpu_context(dtype), oracle(oracle_kernels());
  const double unit = dtype == DType::kF32 ? kEpsilon : dtype == DType::kBF16 ? 1.0 / 256 : 1.0 / 2048;
  // Of 1e4 where the result holds it: a scale applied to the wrong side or twice shows.
  const double size = dtype == DType::kF16 ? 1 : 1e4;
  const QuantizedRows x = quantize_rows(normal({c.rows, c.in}, 1, size), Activation::kNone, oracle);
  const QuantizedRows weight = quantize_weight(normal({c.out, c.in}, 2, 0.02), oracle);
  if (*c.way != '\0') setenv("SWAN_CUDA_F8", c.way, 1);
  for (const Tensor& bias : {Tensor(), normal({c.out}, 3, size)})
    for (const Activation activation : kActivations) {
      SCOPED_TRACE(fmt::format("activation {}, bias {}", static_cast<int>(activation), bias.defined()));
      const Tensor rounded_bias = bias.defined() ? bias.to(dtype).to(DType::kF32) : bias;
      const Tensor expected = linear_f8(x, weight, rounded_bias, activation, oracle);
      Tensor found;
      try {
        found = linear_f8(x, weight, bias, activation, gpu);
      } catch (const Error& error) {
        if (*c.way == '\0' || std::string(c.way) == "unscaled" || error.code() != ErrorCode::kUnsupported) throw;
        GTEST_SKIP() << error.what();
      }
      Tolerance allowed = tolerance(x, weight, unit);
      allowed.absolute += bias.defined() ? 2 * unit * size : 0;
      EXPECT_TRUE(close(found.on(nullptr, DType::kF32), expected, allowed));
      EXPECT_TRUE(identical(linear_f8(x, weight, bias, activation, gpu), found));
    }
}

TEST_P(GpuLinearF8, GivesTheNextLayerTheOraclesResultRounded) {
  const auto& [dtype, c] = GetParam();
  Context gpu = support::gpu_context(dtype), oracle(oracle_kernels());
  const double unit = dtype == DType::kF32 ? kEpsilon : dtype == DType::kBF16 ? 1.0 / 256 : 1.0 / 2048;
  const QuantizedRows x = quantize_rows(normal({c.rows, c.in}, 4), Activation::kNone, oracle);
  const QuantizedRows weight = quantize_weight(normal({c.out, c.in}, 5, 0.1), oracle);
  const Tensor bias = normal({c.out}, 6);
  const Tensor y = linear_f8(x, weight, bias.to(dtype).to(DType::kF32), Activation::kGeluTanh, oracle);
  if (*c.way != '\0') setenv("SWAN_CUDA_F8", c.way, 1);
  Tensor found;
  try {
    found = dequantized(linear_f8_quantized(x, weight, bias, Activation::kGeluTanh, gpu));
  } catch (const Error& error) {
    if (*c.way == '\0' || std::string(c.way) == "unscaled" || error.code() != ErrorCode::kUnsupported) throw;
    GTEST_SKIP() << error.what();
  }
  double largest = 0;
  for (int64_t i = 0; i < y.numel(); ++i) largest = std::max<double>(largest, std::abs(y.data<float>()[i]));
  Tolerance allowed = tolerance(x, weight, unit);
  allowed.relative += 1.1 * kHalfStep;
  allowed.absolute += largest / 448 * 0x1p-9 + 2 * unit;
  EXPECT_TRUE(close(found, y, allowed));
}

class GpuRecording : public ::testing::TestWithParam<DType> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GpuRecording);
INSTANTIATE_TEST_SUITE_P(Gpu, GpuRecording, ::testing::ValuesIn(gpu_halves()),
                         [](const auto& info) { return std::string(dtype_name(info.param)); });

TEST_P(GpuRecording, HoldsProductsButNotTheRoundingOfWeights) {
  Context gpu = support::gpu_context(GetParam());
  gpu.device()->activate();
  const Tensor kept = normal({32, 48}, 1).on(gpu.device(), GetParam());
  EXPECT_EQ(gpu.device()->record([&] { (void)quantize_weight(kept, gpu); }), nullptr);
  const QuantizedRows weight = quantize_weight(kept, gpu);
  const Tensor x = normal({5, 48}, 2).on(gpu.device(), GetParam());
  const auto work = [&] {
    return linear_f8(quantize_rows(x, Activation::kNone, gpu), weight, {}, Activation::kSilu, gpu);
  };
  const Tensor expected = work();
  Tensor recorded;
  const auto recording = gpu.device()->record([&] { recorded = work(); });
  ASSERT_NE(recording, nullptr);
  recording->launch();
  EXPECT_TRUE(identical(recorded, expected));
}

// --- Refusals

TEST(QuantizedErrors, NameTheOperationAndBothShapes) {
  Context ctx(oracle_kernels());
  const auto rows = [](const Shape& shape) {
    return QuantizedRows{Tensor::zeros(shape, DType::kF8E4M3),
                         Tensor::full({shape.numel() / std::max<int64_t>(shape[-1], 1)}, 1)};
  };
  const auto product = [&](const QuantizedRows& x, const QuantizedRows& w, const Tensor& bias = {}) {
    return [=, &ctx] { (void)linear_f8(x, w, bias, Activation::kNone, ctx); };
  };
  expect_error(product(rows({2, 32}), rows({16, 48})), ErrorCode::kShapeMismatch, {"linear_f8", "[2, 32]", "[16, 48]"});
  expect_error(product(rows({2, 32}), rows({16, 32}), normal({15}, 1)), ErrorCode::kShapeMismatch,
               {"linear_f8", "bias", "[15]", "[16]"});
  expect_error(product(rows({2, 24}), rows({16, 24})), ErrorCode::kInvalidArgument, {"linear_f8", "[16, 24]", "16"});
  expect_error(product(rows({2, 32}), rows({24, 32})), ErrorCode::kInvalidArgument, {"linear_f8", "[24, 32]", "16"});
  QuantizedRows wrong = rows({2, 32});
  wrong.scales = Tensor::full({3}, 1);
  expect_error(product(wrong, rows({16, 32})), ErrorCode::kShapeMismatch, {"linear_f8", "scales", "[3]", "[2]"});
  wrong = {Tensor::zeros({2, 32}, DType::kI8), Tensor::full({2}, 1)};
  expect_error(product(wrong, rows({16, 32})), ErrorCode::kInvalidArgument, {"linear_f8", "x", "i8", "f8_e4m3"});
  expect_error([&] { (void)quantize_rows(Tensor::full({}, 1), Activation::kNone, ctx); }, ErrorCode::kShapeMismatch,
               {"quantize_rows", "[]"});
  expect_error(
      [&] {
        (void)quantize_weight(Tensor::zeros({2, 3}, DType::kI8), ctx);
      },
      ErrorCode::kInvalidArgument, {"quantize_weight", "i8"});
  expect_error(
      [&] {
        (void)layer_norm_quantized(normal({2, 3}, 1), normal({4}, 2), normal({3}, 3), 1e-6F, ctx);
      },
      ErrorCode::kShapeMismatch, {"layer_norm_quantized", "[4]", "[3]"});
  expect_error(
      [&] {
        (void)layer_norm_modulate_quantized(normal({1, 2, 3}, 1), normal({1, 4}, 2), normal({1, 3}, 3), 1e-6F, ctx);
      },
      ErrorCode::kShapeMismatch, {"layer_norm_modulate_quantized", "[1, 4]", "[1, 3]"});
}

TEST(QuantizedErrors, TheCpuHasNoneOfIt) {
  Context cpu(backends::cpu_kernels()), oracle(oracle_kernels());
  const Tensor x = normal({3, 32}, 1), weight = normal({16, 32}, 2);
  const QuantizedRows rows = quantize_rows(x, Activation::kNone, oracle), w = quantize_weight(weight, oracle);
  const auto refuses = [&](const char* operation, const std::function<void()>& fn) {
    expect_error(fn, ErrorCode::kUnsupported, {operation, "the cpu backend"});
  };
  refuses("quantize_rows", [&] { (void)quantize_rows(x, Activation::kNone, cpu); });
  refuses("quantize_weight", [&] { (void)quantize_weight(weight, cpu); });
  refuses("layer_norm_quantized",
          [&] { (void)layer_norm_quantized(x, x.slice(0, 1).reshape({32}), x.slice(1, 2).reshape({32}), 1e-6F, cpu); });
  refuses("layer_norm_modulate_quantized", [&] {
    (void)layer_norm_modulate_quantized(x.reshape({1, 3, 32}), x.slice(0, 1), x.slice(1, 2), 1e-6F, cpu);
  });
  refuses("linear_f8", [&] { (void)linear_f8(rows, w, {}, Activation::kNone, cpu); });
  refuses("linear_f8_quantized", [&] { (void)linear_f8_quantized(rows, w, {}, Activation::kNone, cpu); });
}

}  // namespace
}  // namespace swan::ops::testing

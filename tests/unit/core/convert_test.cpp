// Every bit pattern of the small formats, against arithmetic that shares nothing with the conversions.
#include "core/convert.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "support/close.h"

namespace swan {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

struct Format {
  const char* name;
  int exponent_bits, mantissa_bits;
  bool has_infinity;
  float (*decode)(uint32_t);
  uint32_t (*encode)(float);

  [[nodiscard]] uint32_t sign() const { return 1U << (exponent_bits + mantissa_bits); }
  [[nodiscard]] uint32_t largest() const {  // finite and positive
    const uint32_t top = ((1U << exponent_bits) - 1) << mantissa_bits;
    return has_infinity ? top - 1 : top + (1U << mantissa_bits) - 2;
  }
  // By the definition of the format: powers of two in f64.
  [[nodiscard]] double value(uint32_t magnitude) const {
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const auto exponent = static_cast<int>(magnitude >> mantissa_bits);
    const double fraction = (magnitude & ((1U << mantissa_bits) - 1)) / std::pow(2.0, mantissa_bits);
    return exponent == 0 ? fraction * std::pow(2.0, 1 - bias) : (1 + fraction) * std::pow(2.0, exponent - bias);
  }
};

const std::array<Format, 4> kFormats = {
    {{"f16", 5, 10, true, [](uint32_t b) { return f16_to_f32(static_cast<uint16_t>(b)); },
      [](float v) { return uint32_t{f32_to_f16(v)}; }},
     {"bf16", 8, 7, true, [](uint32_t b) { return bf16_to_f32(static_cast<uint16_t>(b)); },
      [](float v) { return uint32_t{f32_to_bf16(v)}; }},
     {"f8_e4m3", 4, 3, false, [](uint32_t b) { return f8_e4m3_to_f32(static_cast<uint8_t>(b)); },
      [](float v) { return uint32_t{f32_to_f8_e4m3(v)}; }},
     {"f8_e5m2", 5, 2, true, [](uint32_t b) { return f8_e5m2_to_f32(static_cast<uint8_t>(b)); },
      [](float v) { return uint32_t{f32_to_f8_e5m2(v)}; }}}};

class SmallFormat : public ::testing::TestWithParam<Format> {};

TEST_P(SmallFormat, DecodesAndEncodesEveryPattern) {
  const Format& f = GetParam();
  for (uint32_t bits = 0; bits < 2 * f.sign(); ++bits) {
    const uint32_t magnitude = bits & (f.sign() - 1);
    const float decoded = f.decode(bits);
    if (magnitude <= f.largest()) {
      const double expected = (bits & f.sign()) != 0 ? -f.value(magnitude) : f.value(magnitude);
      ASSERT_EQ(static_cast<double>(decoded), expected) << f.name << " " << bits;
      ASSERT_EQ(std::signbit(decoded), (bits & f.sign()) != 0) << f.name << " " << bits;
      ASSERT_EQ(f.encode(decoded), bits) << f.name;
    } else if (f.has_infinity && magnitude == f.largest() + 1) {
      ASSERT_EQ(decoded, (bits & f.sign()) != 0 ? -kInf : kInf) << f.name;
      ASSERT_EQ(f.encode(decoded), bits) << f.name;
    } else {
      ASSERT_TRUE(std::isnan(decoded)) << f.name << " " << bits;
      ASSERT_TRUE(std::isnan(f.decode(f.encode(decoded)))) << f.name << " " << bits;
    }
  }
}

// Between two neighbours the middle goes to the even one, and all else to the nearer one.
TEST_P(SmallFormat, RoundsToNearestEven) {
  const Format& f = GetParam();
  for (uint32_t low = 0; low < f.largest(); ++low) {
    const double middle_f64 = (f.value(low) + f.value(low + 1)) / 2;
    const auto middle = static_cast<float>(middle_f64);
    ASSERT_EQ(static_cast<double>(middle), middle_f64) << "the middle is an f32";
    const uint32_t even = low % 2 == 0 ? low : low + 1;
    ASSERT_EQ(f.encode(middle), even) << f.name << " " << low;
    ASSERT_EQ(f.encode(std::nextafter(middle, 0.0F)), low) << f.name << " " << low;
    ASSERT_EQ(f.encode(std::nextafter(middle, kInf)), low + 1) << f.name << " " << low;
    ASSERT_EQ(f.encode(-middle), even | f.sign()) << f.name << " " << low;
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, SmallFormat, ::testing::ValuesIn(kFormats),
                         [](const auto& info) { return info.param.name; });

// What torch 2.15 gives on the CPU.
TEST(Convert, OverflowsAsTorchDoes) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  EXPECT_EQ(f32_to_f16(65519), 0x7bff);
  EXPECT_EQ(f32_to_f16(65520), 0x7c00);
  EXPECT_EQ(f32_to_f16(-kLargest), 0xfc00);
  EXPECT_EQ(f32_to_bf16(kLargest), 0x7f80);
  EXPECT_EQ(f32_to_bf16(-std::bit_cast<float>(0x7f7f7fffU)), 0xff7f);
  for (const float big : {449.0F, 464.0F, 480.0F, 1e9F, kInf}) {
    EXPECT_EQ(f32_to_f8_e4m3(big), 0x7e) << big;
    EXPECT_EQ(f32_to_f8_e4m3(-big), 0xfe) << big;
  }
  EXPECT_EQ(f32_to_f8_e5m2(61439), 0x7b);
  EXPECT_EQ(f32_to_f8_e5m2(61440), 0x7c);
  EXPECT_EQ(f32_to_f8_e5m2(-kInf), 0xfc);
}

TEST(Convert, NotANumberAsTorchDoes) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(f32_to_f16(kNan), 0x7e00);
  EXPECT_EQ(f32_to_f16(-kNan), 0xfe00);
  EXPECT_EQ(f32_to_bf16(kNan), 0x7fc0);
  EXPECT_EQ(f32_to_f8_e4m3(kNan), 0x7f);
  EXPECT_EQ(f32_to_f8_e5m2(-kNan), 0xff);
}

TEST(Convert, TinyValuesKeepTheirSign) {
  for (const Format& f : kFormats) {
    EXPECT_EQ(f.encode(0.0F), 0U) << f.name;
    EXPECT_EQ(f.encode(-0.0F), f.sign()) << f.name;
    EXPECT_EQ(f.encode(-std::numeric_limits<float>::denorm_min()), f.sign()) << f.name;
  }
}

TEST(Convert, IntegersSaturateAndNanIsZero) {
  const std::array<float, 8> values = {-1e30F, -300, -1.75F, 0.75F,
                                       1.75F,  300,  1e30F,  std::numeric_limits<float>::quiet_NaN()};
  const Tensor from = Tensor::from(values, {8});
  const Tensor i8 = from.to(DType::kI8);
  const std::array<int8_t, 8> expected_i8 = {-128, -128, -1, 0, 1, 127, 127, 0};
  for (size_t i = 0; i < 8; ++i) EXPECT_EQ(i8.data<int8_t>()[i], expected_i8[i]) << i;
  const Tensor u8 = from.to(DType::kU8);
  const std::array<uint8_t, 8> expected_u8 = {0, 0, 0, 0, 1, 255, 255, 0};
  for (size_t i = 0; i < 8; ++i) EXPECT_EQ(u8.data<uint8_t>()[i], expected_u8[i]) << i;
  EXPECT_EQ(from.to(DType::kI64).data<int64_t>()[0], std::numeric_limits<int64_t>::min());
  EXPECT_EQ(from.to(DType::kI64).data<int64_t>()[6], std::numeric_limits<int64_t>::max());
  EXPECT_EQ(from.to(DType::kI32).data<int32_t>()[6], std::numeric_limits<int32_t>::max());
}

TEST(Convert, EveryPairOfDTypesKeepsSmallWholeNumbers) {
  constexpr std::array kAll = {DType::kF32, DType::kF16, DType::kBF16,   DType::kI8,    DType::kU8,
                               DType::kI32, DType::kI64, DType::kF8E4M3, DType::kF8E5M2};
  const std::array<float, 6> values = {0, 1, 2, 3, 5, 8};
  const Tensor numbers = Tensor::from(values, {2, 3});
  for (const DType a : kAll)
    for (const DType b : kAll) {
      const Tensor there = numbers.to(a).to(b);
      EXPECT_EQ(there.dtype(), b);
      EXPECT_TRUE(support::identical(there.to(DType::kF32), numbers)) << dtype_name(a) << " to " << dtype_name(b);
    }
}

TEST(Convert, ReadsAndWritesUnalignedBytes) {
  std::vector<char> source(1 + 3 * sizeof(float));
  std::vector<char> target(1 + 3 * sizeof(uint16_t));
  const std::array<float, 3> values = {1.5F, -2, 0.25F};
  std::memcpy(source.data() + 1, values.data(), sizeof(values));
  convert(source.data() + 1, DType::kF32, target.data() + 1, DType::kF16, 3);
  std::array<float, 3> back{};
  convert(target.data() + 1, DType::kF16, back.data(), DType::kF32, 3);
  EXPECT_EQ(back, values);
}

TEST(Convert, LargeTensorsConvertTheSameInParallel) {
  const int64_t n = 70000;  // above the size from which threads share the work
  Tensor numbers = Tensor::empty({n}, DType::kI32);
  for (int64_t i = 0; i < n; ++i) numbers.data_mut<int32_t>()[i] = static_cast<int32_t>(i);
  const Tensor floats = numbers.to(DType::kF32);
  for (int64_t i = 0; i < n; ++i) ASSERT_EQ(floats.data<float>()[i], static_cast<float>(i));
}

}  // namespace
}  // namespace swan

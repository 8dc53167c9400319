#include "core/generator.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "support/close.h"
#include "support/expect_error.h"
#include "support/golden.h"

namespace swan {
namespace {

using support::golden_path;
using support::identical;

// Exact below 16 values, and within 2e-6 from there on, where torch's own paths differ by as much.
::testing::AssertionResult drawn(const Tensor& actual, const Tensor& expected) {
  if (expected.numel() < 16 || expected.dtype() != DType::kF32) return identical(actual, expected);
  if (!(actual.shape() == expected.shape()) || actual.dtype() != expected.dtype())
    return ::testing::AssertionFailure() << "shape or dtype";
  for (int64_t i = 0; i < expected.numel(); ++i)
    if (!(std::abs(actual.data<float>()[i] - expected.data<float>()[i]) <= 2e-6F))
      return ::testing::AssertionFailure()
             << "value " << i << " is " << actual.data<float>()[i] << ", expected " << expected.data<float>()[i];
  return ::testing::AssertionSuccess();
}

const support::GoldenTensors& golden() {
  static const support::GoldenTensors tensors(golden_path("rng/rng.safetensors"));
  return tensors;
}

DType dtype_of(const std::string& torch_name) {
  if (torch_name == "float16") return DType::kF16;
  return torch_name == "bfloat16" ? DType::kBF16 : DType::kF32;
}

TEST(Generator, DrawsWhatTorchDraws) {
  int compared = 0;
  const nlohmann::json description = support::read_json(golden_path("rng/rng.json"));
  for (const auto& draw : description.at("draws")) {
    const auto dims = draw.at("shape").get<std::vector<int64_t>>();
    Generator generator(draw.at("seed").get<uint64_t>());
    const Tensor values = generator.randn(Shape(std::span<const int64_t>(dims)), dtype_of(draw.at("dtype")));
    EXPECT_TRUE(drawn(values, golden().tensor(draw.at("key")))) << draw.at("key");
    ++compared;
  }
  EXPECT_GE(compared, 80);
}

TEST(Generator, OneGeneratorDrawsASequence) {
  Generator generator(42);
  int i = 0;
  for (const Shape& shape :
       {Shape{5}, Shape{3}, Shape{16}, Shape{7}, Shape{20}, Shape{1}, Shape{2, 9}, Shape{15}, Shape{1}, Shape{33}}) {
    const std::string key = "sequence." + std::to_string(i++);
    EXPECT_TRUE(drawn(generator.randn(shape), golden().tensor(key))) << key;
  }
}

TEST(Generator, MatchesTheVectorPathOfTorch) {
  const Tensor expected = golden().tensor("avx2_path.seed42");
  int64_t at = 0;
  for (const int64_t n : {5, 16, 17, 1000, 4096}) {
    EXPECT_TRUE(drawn(Generator(42).randn({n}), expected.slice(at, at + n))) << n;
    at += n;
  }
  EXPECT_EQ(at, expected.numel());
}

TEST(Generator, AListOfGeneratorsDrawsOneItemEach) {
  const Tensor expected = golden().tensor("randn_tensor.generator_list");
  int64_t i = 0;
  for (const uint64_t seed : {0, 1, 42}) {
    EXPECT_TRUE(drawn(Generator(seed).randn({1, 4, 2, 3}), expected.slice(i, i + 1))) << seed;
    ++i;
  }
  EXPECT_TRUE(drawn(Generator(42).randn({3, 4, 2, 3}), golden().tensor("randn_tensor.one_generator")));
}

TEST(Generator, OnlyTheLowest32BitsOfASeedCount) {
  const auto draw = [](uint64_t seed) { return Generator(seed).randn({20}); };
  EXPECT_TRUE(identical(draw(uint64_t{1} << 32), draw(0)));
  EXPECT_TRUE(identical(draw((uint64_t{7} << 32) + 5), draw(5)));
  EXPECT_TRUE(identical(draw(static_cast<uint64_t>(int64_t{-1})), draw(0xffffffff)));
  EXPECT_FALSE(identical(draw(0), draw(1)));
}

TEST(Generator, AnEmptyDrawTakesNothing) {
  Generator a(3);
  Generator b(3);
  EXPECT_EQ(a.randn({0, 4}).numel(), 0);
  EXPECT_TRUE(identical(a.randn({5}), b.randn({5})));
}

TEST(Generator, RefusesOtherDTypes) {
  for (const DType dtype : {DType::kI8, DType::kI64, DType::kF8E4M3})
    expect_error(ErrorCode::kInvalidArgument, {dtype_name(dtype), "f32, f16 or bf16"},
                 [&] { (void)Generator(0).randn({2}, dtype); });
}

}  // namespace
}  // namespace swan

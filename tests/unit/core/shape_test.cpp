#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "support/expect_error.h"
#include "swan/tensor.h"

namespace swan {
namespace {

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

TEST(Shape, KnowsItsDimensions) {
  const Shape shape{2, 3, 4};
  EXPECT_EQ(shape.rank(), 3U);
  EXPECT_EQ(shape.numel(), 24);
  EXPECT_EQ(shape[0], 2);
  EXPECT_EQ(shape[-1], 4);
  EXPECT_EQ(shape.str(), "[2, 3, 4]");
  EXPECT_EQ(shape, Shape({2, 3, 4}));
  EXPECT_FALSE(shape == Shape({2, 3}));
  EXPECT_FALSE(shape == Shape({2, 3, 5}));
  EXPECT_EQ(Shape().numel(), 1);
  EXPECT_EQ(Shape().str(), "[]");
  EXPECT_EQ(Shape({5, 0, 2}).numel(), 0);
}

TEST(Shape, RefusesWhatNoMemoryHolds) {
  for (const std::vector<int64_t>& dims : std::vector<std::vector<int64_t>>{
           {kMost}, {kMost / 8 + 1}, {int64_t{1} << 31, int64_t{1} << 31}, {3, kMost, 0}, {0, kMost}})
    expect_error(ErrorCode::kInvalidArgument, {"memory", std::to_string(dims.back())},
                 [&] { (void)Shape(std::span<const int64_t>(dims)); });
  EXPECT_EQ(Shape({kMost / 8}).numel(), kMost / 8);
}

TEST(Shape, RefusesNegativeAndTooManyDimensions) {
  expect_error(ErrorCode::kInvalidArgument, {"[2, -1]", "negative"}, [] { (void)Shape({2, -1}); });
  expect_error(ErrorCode::kInvalidArgument, {"negative"}, [] { (void)Shape({std::numeric_limits<int64_t>::min()}); });
  EXPECT_NO_THROW((void)Shape({1, 1, 1, 1, 1, 1}));
  expect_error(ErrorCode::kInvalidArgument, {"7", "at most 6"}, [] { (void)Shape({1, 1, 1, 1, 1, 1, 1}); });
}

TEST(Shape, RefusesIndicesOutOfRange) {
  const Shape shape{2, 3};
  for (const int i : {2, -3, 100})
    expect_error(ErrorCode::kInvalidArgument, {std::to_string(i), "[2, 3]"}, [&] { (void)shape[i]; });
  expect_error(ErrorCode::kInvalidArgument, {"[]"}, [] { (void)Shape()[0]; });
}

TEST(DType, NamesGoBothWays) {
  const std::vector<std::pair<DType, size_t>> sizes = {{DType::kF32, 4}, {DType::kF16, 2},    {DType::kBF16, 2},
                                                       {DType::kI8, 1},  {DType::kU8, 1},     {DType::kI32, 4},
                                                       {DType::kI64, 8}, {DType::kF8E4M3, 1}, {DType::kF8E5M2, 1}};
  for (const auto& [dtype, size] : sizes) {
    EXPECT_EQ(parse_dtype(dtype_name(dtype)), dtype);
    EXPECT_EQ(size_of(dtype), size) << dtype_name(dtype);
    const char first = dtype_name(dtype)[0];
    EXPECT_EQ(is_floating(dtype), first == 'f' || first == 'b') << dtype_name(dtype);
  }
  for (const char* name : {"F32", "float32", "", "f32 "})
    expect_error(ErrorCode::kInvalidArgument, {"'" + std::string(name) + "'", "bf16"},
                 [&] { (void)parse_dtype(name); });
}

}  // namespace
}  // namespace swan

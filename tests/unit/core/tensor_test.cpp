#include "swan/tensor.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <vector>

#include "support/expect_error.h"

namespace swan {
namespace {

Tensor counting(const Shape& shape) {
  Tensor t = Tensor::empty(shape, DType::kF32);
  for (int64_t i = 0; i < t.numel(); ++i) t.data_mut<float>()[i] = static_cast<float>(i);
  return t;
}

TEST(Tensor, IsUndefinedUntilMade) {
  const Tensor t;
  EXPECT_FALSE(t.defined());
  EXPECT_EQ(t.numel(), 0);
  EXPECT_EQ(t.nbytes(), 0U);
}

TEST(Tensor, IsMadeInSeveralWays) {
  EXPECT_EQ(Tensor::zeros({2, 2}, DType::kI64).data<int64_t>()[3], 0);
  EXPECT_EQ(Tensor::full({3}, 1.5F).data<float>()[2], 1.5F);
  const std::array<int32_t, 2> ids = {7, 9};
  EXPECT_EQ(Tensor::from(ids, {1, 2}).data<int32_t>()[1], 9);
  EXPECT_EQ(Tensor::empty({3, 5}, DType::kBF16).nbytes(), 30U);
  const Tensor nothing = Tensor::empty({0, 4}, DType::kF32);
  EXPECT_TRUE(nothing.defined());
  EXPECT_EQ(nothing.numel(), 0);
  const std::array<float, 3> three = {1, 2, 3};
  expect_error(ErrorCode::kShapeMismatch, {"3", "[2, 2]"}, [&] { (void)Tensor::from(three, {2, 2}); });
}

TEST(Tensor, IsReadAsItsElementTypeOnly) {
  const Tensor f32 = Tensor::full({2}, 1);
  expect_error(ErrorCode::kInvalidArgument, {"f32", "[2]", "4-byte integer"}, [&] { (void)f32.data<int32_t>(); });
  expect_error(ErrorCode::kInvalidArgument, {"8-byte"}, [&] { (void)f32.data<double>(); });
  const Tensor i32 = Tensor::zeros({2}, DType::kI32);
  expect_error(ErrorCode::kInvalidArgument, {"i32", "floating-point"}, [&] { (void)i32.data<float>(); });
  EXPECT_NO_THROW((void)f32.to(DType::kF16).data<uint16_t>());
}

TEST(Tensor, CopiesShareAndClonesDoNot) {
  Tensor a = counting({2, 2});
  const Tensor shared = a;  // NOLINT(performance-unnecessary-copy-initialization): sharing is the point
  const Tensor cloned = a.clone();
  a.data_mut<float>()[0] = 42;
  EXPECT_EQ(shared.data<float>()[0], 42);
  EXPECT_EQ(cloned.data<float>()[0], 0);
}

TEST(Tensor, ReshapesWithoutCopying) {
  const Tensor t = counting({2, 3, 4});
  EXPECT_EQ(t.reshape({4, -1}).shape(), Shape({4, 6}));
  EXPECT_EQ(t.reshape({-1}).shape(), Shape({24}));
  EXPECT_EQ(t.reshape({6, 4}).raw(), t.raw());
}

TEST(Tensor, ReshapeErrorsNameBothShapes) {
  const Tensor t = counting({2, 3, 4});
  expect_error(ErrorCode::kShapeMismatch, {"[2, 3, 4]", "[5, 5]"}, [&] { (void)t.reshape({5, 5}); });
  expect_error(ErrorCode::kShapeMismatch, {"[2, 3, 4]", "[7, -1]"}, [&] { (void)t.reshape({7, -1}); });
  expect_error(ErrorCode::kShapeMismatch, {"[2, 3, 4]", "[0, -1]"}, [&] { (void)t.reshape({0, -1}); });
  EXPECT_THROW((void)t.reshape({-1, -1}), Error);
  EXPECT_THROW((void)t.reshape({-2, -12}), Error);
}

TEST(Tensor, ReshapeOfOverflowingDimensionsFails) {
  const Tensor t = counting({2, 2});
  constexpr int64_t kHalf = int64_t{1} << 62;
  EXPECT_THROW((void)t.reshape({kHalf, 4, -1}), Error);
  EXPECT_THROW((void)t.reshape({kHalf, 4}), Error);
}

TEST(Tensor, SlicesRowsWithoutCopying) {
  const Tensor t = counting({4, 3});
  const Tensor middle = t.slice(1, 3);
  EXPECT_EQ(middle.shape(), Shape({2, 3}));
  EXPECT_EQ(middle.data<float>()[0], 3);
  EXPECT_EQ(middle.raw(), t.data<float>() + 3);
  EXPECT_EQ(t.slice(4, 4).numel(), 0);
  EXPECT_EQ(t.to(DType::kF16).slice(3, 4).to(DType::kF32).data<float>()[2], 11);
}

TEST(Tensor, SliceErrorsNameRangeAndShape) {
  const Tensor t = counting({4, 3});
  expect_error(ErrorCode::kInvalidArgument, {"2", "5", "[4, 3]"}, [&] { (void)t.slice(2, 5); });
  expect_error(ErrorCode::kInvalidArgument, {"-1", "[4, 3]"}, [&] { (void)t.slice(-1, 2); });
  expect_error(ErrorCode::kInvalidArgument, {"3", "2", "[4, 3]"}, [&] { (void)t.slice(3, 2); });
  expect_error(ErrorCode::kInvalidArgument, {"[]"}, [&] { (void)counting(Shape()).slice(0, 1); });
}

TEST(Tensor, AViewKeepsItsOwnerAlive) {
  auto owner = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3, 4});
  const std::weak_ptr<std::vector<float>> watch = owner;
  const float* data = owner->data();
  {
    const Tensor slice = Tensor::view_of(data, {2, 2}, DType::kF32, std::move(owner)).slice(1, 2);
    EXPECT_FALSE(watch.expired());
    EXPECT_EQ(slice.data<float>()[1], 4);
  }
  EXPECT_TRUE(watch.expired());
}

TEST(Tensor, ConvertingToItsOwnDTypeIsFree) {
  const Tensor t = counting({3});
  EXPECT_EQ(t.to(DType::kF32).raw(), t.raw());
}

}  // namespace
}  // namespace swan

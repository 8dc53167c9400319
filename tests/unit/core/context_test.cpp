#include "core/context.h"

#include <gtest/gtest.h>

#include <array>

#include "core/error.h"
#include "support/expect_error.h"

namespace swan {

namespace ops {
struct KernelTable {};  // a context hands its table on and never looks into it
}  // namespace ops

namespace {

const ops::KernelTable kTable;

TEST(Context, StopsOnceTheFlagIsSet) {
  std::atomic<bool> cancel = false;
  const Context ctx(kTable, &cancel);
  EXPECT_NO_THROW(ctx.check_cancelled());
  cancel = true;
  expect_error(ErrorCode::kCancelled, {"cancelled"}, [&] { ctx.check_cancelled(); });
  EXPECT_NO_THROW(Context(kTable).check_cancelled());
  EXPECT_EQ(&ctx.kernels(), &kTable);
}

TEST(Context, RecordsTapsOnlyWhenAsked) {
  Context ctx(kTable);
  ctx.tap("a", Tensor::full({1}, 1));
  EXPECT_TRUE(ctx.taps().empty());
  ctx.record_taps(true);
  EXPECT_TRUE(ctx.recording());
  for (int i = 0; i < 3; ++i) ctx.tap("blocks.0", Tensor::full({1}, static_cast<float>(i)));
  ctx.tap("blocks.1", Tensor::full({1}, 9));
  ASSERT_EQ(ctx.taps().size(), 4U);
  EXPECT_EQ(ctx.taps().at("blocks.0").data<float>()[0], 0);
  EXPECT_EQ(ctx.taps().at("blocks.0#2").data<float>()[0], 2);
}

TEST(Error, CodesHaveStableNames) {
  const std::array<std::pair<ErrorCode, std::string>, 11> names = {{{ErrorCode::kInvalidArgument, "invalid_argument"},
                                                                    {ErrorCode::kNotFound, "not_found"},
                                                                    {ErrorCode::kCorruptFile, "corrupt_file"},
                                                                    {ErrorCode::kMissingTensor, "missing_tensor"},
                                                                    {ErrorCode::kShapeMismatch, "shape_mismatch"},
                                                                    {ErrorCode::kUnsupported, "unsupported"},
                                                                    {ErrorCode::kOutOfMemory, "out_of_memory"},
                                                                    {ErrorCode::kIo, "io"},
                                                                    {ErrorCode::kNumerical, "numerical"},
                                                                    {ErrorCode::kCancelled, "cancelled"},
                                                                    {ErrorCode::kInternal, "internal"}}};
  for (const auto& [code, name] : names) EXPECT_EQ(error_code_name(code), name);
}

TEST(Error, ChecksNameOperationOperandAndBothSides) {
  const Tensor t = Tensor::full({2, 3}, 0);
  expect_error(ErrorCode::kShapeMismatch, {"linear", "x", "[2, 3]", "[2, 4]"}, [&] {
    check_same_shape("linear", "x", t.shape(), {2, 4});
  });
  expect_error(ErrorCode::kInvalidArgument, {"linear", "x", "f32", "i32"},
               [&] { check_dtype("linear", "x", t, DType::kI32); });
  expect_error(ErrorCode::kShapeMismatch, {"linear", "x", "[2, 3]", "4 dimensions"},
               [&] { check_rank("linear", "x", t, 4); });
  expect_error(ErrorCode::kInternal, {"1 == 2", "context_test.cpp"}, [] { SWAN_ASSERT(1 == 2); });
  EXPECT_NO_THROW(check_same_shape("linear", "x", t.shape(), {2, 3}));
}

}  // namespace
}  // namespace swan

// What --dtype fp8 means to a pipeline, and where it is refused: before anything is loaded.
#include "pipelines/compute.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "support/device.h"
#include "support/expect_error.h"
#include "support/golden.h"
#include "swan/error.h"
#include "swan/pipeline.h"
#include "swan/video_pipeline.h"

namespace swan {
namespace {

void expect_refused(const std::function<void()>& fn, ErrorCode code, const std::vector<std::string>& texts) {
  expect_error(code, texts, fn);
}
const std::vector<std::string> kRemedy = {"fp8", "--device cuda", "on the CPU", "--dtype auto"};

TEST(Fp8, IsRefusedOnTheCpu) {
  expect_refused([] { (void)pipelines::Compute({.dtype = "fp8", .device = "cpu"}); }, ErrorCode::kUnsupported, kRemedy);
  // A pipeline refuses it when it is opened, for both families.
  const LoadOptions load = {.dtype = "fp8", .device = "cpu"};
  expect_refused([&] { (void)ImagePipeline::open(support::golden_path("models/sana"), load); }, ErrorCode::kUnsupported,
                 kRemedy);
  expect_refused([&] { (void)VideoPipeline::open(support::golden_path("models/wan"), load); }, ErrorCode::kUnsupported,
                 kRemedy);
  if (support::test_gpus() == 0) {
    expect_refused([] { (void)pipelines::Compute({.dtype = "fp8", .device = "auto"}); }, ErrorCode::kUnsupported,
                   kRemedy);
  }
}

TEST(Fp8, MayComeFromTheEnvironment) {
  const char* before = std::getenv("SWAN_DTYPE");
  const std::string kept = before == nullptr ? "" : before;
  setenv("SWAN_DTYPE", "fp8", 1);
  expect_refused([] { (void)pipelines::Compute({.device = "cpu"}); }, ErrorCode::kUnsupported, kRemedy);
  EXPECT_FALSE(pipelines::Compute({.dtype = "f32", .device = "cpu"}).f8());  // what is asked for by name wins
  if (before == nullptr) {
    unsetenv("SWAN_DTYPE");
  } else {
    setenv("SWAN_DTYPE", kept.c_str(), 1);
  }
}

TEST(Fp8, IsNamedAmongTheDtypes) {
  expect_refused([] { (void)pipelines::Compute({.dtype = "int8", .device = "cpu"}); }, ErrorCode::kInvalidArgument,
                 {"'int8'", "auto, f32, f16, bf16 or fp8"});
}

TEST(Fp8, LeavesTheRestAsAuto) {
  if (support::test_gpus() == 0) GTEST_SKIP() << "no GPU";
  const pipelines::Compute compute({.dtype = "fp8", .device = "cuda"});
  EXPECT_TRUE(compute.f8());
  EXPECT_FALSE(compute.context(nullptr).f8());  // text encoders and decoders
  using Part = pipelines::Compute::Part;
  for (const DType stored : {DType::kF32, DType::kF16, DType::kBF16}) {
    EXPECT_EQ(compute.activations(stored), stored == DType::kF32 ? DType::kBF16 : stored);
    EXPECT_EQ(compute.activations(stored, Part::kVae), stored);
  }
}

}  // namespace
}  // namespace swan

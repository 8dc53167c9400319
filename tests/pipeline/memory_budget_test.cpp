// What a GPU's memory limit may change: how long a run takes, or that it ends with an error, but not a bit of the
// result.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/device.h"
#include "support/device.h"
#include "support/golden.h"
#include "swan/error.h"
#include "swan/pipeline.h"
#include "swan/video_pipeline.h"

namespace swan {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

std::vector<Image> picture(const LoadOptions& options) {
  ImageRequest r;
  r.prompt = {"a red balloon"};
  r.height = r.width = 256;
  r.num_inference_steps = 4;
  r.use_resolution_binning = false;
  r.seed = {7};
  return ImagePipeline::open(support::golden_path("models/sana"), options)->generate(r).images;
}

std::vector<Image> clip(const LoadOptions& options) {
  VideoRequest r;
  r.prompt = {"a red balloon"};
  r.height = 128;
  r.width = 192;
  r.num_frames = 5;
  r.num_inference_steps = 4;
  r.seed = {7};
  return VideoPipeline::open(support::golden_path("models/wan"), options)->generate(r).frames.at(0);
}

// Halving the memory again and again: the same pictures while there is enough of it, then the error that names the
// option.
void expect_same_in_less(std::vector<Image> (*make)(const LoadOptions&), const std::string& dtype) {
  if (support::test_gpus() == 0) GTEST_SKIP() << "no GPU";
  Device& device = *support::gpu_context(DType::kF32).device();
  LoadOptions options{.dtype = dtype, .device = "cuda:0"};
  device.set_memory_limit(0);
  device.trim();
  device.reset_peak();
  const std::vector<Image> whole = make(options);
  const size_t needed = device.peak_bytes();
  int in_less = 0;
  bool refused = false;
  for (uint64_t limit = needed / kMiB * kMiB; limit >= 2 * kMiB && !refused; limit = limit * 7 / 8) {
    options.memory_budget = 2 * limit;  // of so little, half is the driver's
    device.trim();
    device.reset_peak();
    try {
      const std::vector<Image> same = make(options);
      ASSERT_EQ(same.size(), whole.size());
      for (size_t i = 0; i < whole.size(); ++i)
        EXPECT_EQ(same[i].rgb, whole[i].rgb) << limit << " bytes, picture " << i;
      EXPECT_LE(device.peak_bytes(), limit) << limit;
      ++in_less;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kOutOfMemory) << error.what();
      EXPECT_NE(std::string(error.what()).find("--memory-budget"), std::string::npos) << error.what();
      refused = true;
    }
  }
  device.set_memory_limit(0);
  EXPECT_TRUE(refused) << "2 MiB cannot be enough";
  EXPECT_GE(in_less, 1);
}

TEST(MemoryBudget, ThePictureIsTheSame) { expect_same_in_less(picture, "bf16"); }
TEST(MemoryBudget, ThePictureIsTheSameInF32) { expect_same_in_less(picture, "f32"); }
TEST(MemoryBudget, TheClipIsTheSame) { expect_same_in_less(clip, "bf16"); }
TEST(MemoryBudget, TheClipIsTheSameInF32) { expect_same_in_less(clip, "f32"); }

}  // namespace
}  // namespace swan

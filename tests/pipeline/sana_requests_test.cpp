// What a caller of ImagePipeline relies on besides the pictures: errors, sizes, cancellation, repetition.
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <limits>

#include "pipeline/tiny_requests.h"
#include "support/close.h"
#include "support/expect_error.h"
#include "support/golden.h"
#include "support/paths.h"
#include "support/picture.h"
#include "swan/error.h"
#include "swan/pipeline.h"

namespace swan {
namespace {

std::unique_ptr<ImagePipeline> tiny() { return ImagePipeline::open(support::golden_path("models/sana")); }

void expect_error(const ImageRequest& request, ErrorCode code, const std::string& text) {
  swan::expect_error(code, {text}, [&] { (void)tiny()->generate(request); });
}

TEST(SanaRequests, RefusesWhatCannotBeMade) {
  ImageRequest r = tiny_picture();
  r.width = 100;
  expect_error(r, ErrorCode::kInvalidArgument, "multiples of 32");
  r = tiny_picture();
  r.width = 0;
  expect_error(r, ErrorCode::kInvalidArgument, "pixels");
  r = tiny_picture();
  r.prompt = {};
  expect_error(r, ErrorCode::kInvalidArgument, "prompt");
  r = tiny_picture();
  r.prompt = {"a", "b"};
  r.negative_prompt = {"x", "y", "z"};
  expect_error(r, ErrorCode::kInvalidArgument, "3 negative prompts for 2 prompts");
  r = tiny_picture();
  r.seed = {1, 2, 3};
  expect_error(r, ErrorCode::kInvalidArgument, "3 seeds for 1 pictures");
  r = tiny_picture();
  r.num_inference_steps = 0;
  expect_error(r, ErrorCode::kInvalidArgument, "num_inference_steps");
  r = tiny_picture();
  r.guidance_scale = std::numeric_limits<double>::quiet_NaN();
  expect_error(r, ErrorCode::kInvalidArgument, "guidance_scale");
  r = tiny_picture();
  r.max_sequence_length = 1;
  expect_error(r, ErrorCode::kInvalidArgument, "max_sequence_length");
  r = tiny_picture();
  r.scheduler = "no-such";
  expect_error(r, ErrorCode::kInvalidArgument, "no-such");
  r = tiny_picture();
  r.latents = Tensor::zeros({1, 8, 4, 5}, DType::kF32);
  expect_error(r, ErrorCode::kInvalidArgument, "[1, 8, 4, 5]");
  r = tiny_picture();
  r.vae_tiling = VaeTiling{64, 64, 96, 96};
  expect_error(r, ErrorCode::kInvalidArgument, "vae_tiling");
}

TEST(SanaRequests, DefaultsToTheModelsOwnSize) {
  const auto pipeline = tiny();
  EXPECT_EQ(pipeline->default_size(), 512);  // sample_size 16, 32 pixels a latent
}

TEST(SanaRequests, TakesAndReturnsLatents) {
  ImageRequest r = tiny_picture();
  const ImageResult first = tiny()->generate(r);
  // The seed's own noise, given as latents, makes the same picture.
  r.decode = false;
  r.num_inference_steps = 1;
  const ImageResult only = tiny()->generate(r);
  EXPECT_TRUE(only.images.empty());
  EXPECT_EQ(only.latents.shape(), (Shape{1, 8, 4, 4}));
  r = tiny_picture();
  r.latents = Tensor::full({1, 8, 4, 4}, 0.5F);
  const ImageResult given = tiny()->generate(r);
  EXPECT_NE(given.images[0].rgb, first.images[0].rgb);
  EXPECT_EQ(given.images[0].rgb, tiny()->generate(r).images[0].rgb);
  EXPECT_THROW((void)request_from_parameters(given.parameters[0]), Error);
}

TEST(SanaRequests, RepeatsAPictureFromItsSettings) {
  ImageRequest r = tiny_picture();
  r.num_images_per_prompt = 2;
  r.seed = {3, 4};
  r.negative_prompt = {"灰色"};
  r.scheduler = "flow-euler";
  r.complex_human_instruction = std::vector<std::string>{"be vivid:", "Prompt: "};
  const ImageResult first = tiny()->generate(r);
  const RepeatableRequest again = request_from_parameters(first.parameters[1]);
  EXPECT_EQ(again.index, 1);
  const ImageResult second = ImagePipeline::open(again.model, again.load)->generate(again.request);
  ASSERT_EQ(second.images.size(), 2U);
  EXPECT_EQ(second.images[1].rgb, first.images[1].rgb);
  EXPECT_EQ(second.parameters[1], first.parameters[1]);
}

TEST(SanaRequests, DoesNotDependOnTheNumberOfThreads) {
  set_threads(1);
  const ImageResult one = tiny()->generate(tiny_picture());
  set_threads(3);
  const ImageResult three = tiny()->generate(tiny_picture());
  set_threads(0);
  EXPECT_TRUE(support::identical(one.latents, three.latents));
  EXPECT_EQ(one.images[0].rgb, three.images[0].rgb);
}

TEST(SanaRequests, StopsWithinAStep) {
  std::atomic<bool> cancel{false};
  int last = 0;
  Callbacks callbacks;
  callbacks.cancel = &cancel;
  callbacks.progress = [&](const std::string& stage, int done, int) {
    if (stage != "denoise") return;
    last = done;
    if (done == 2) cancel = true;
  };
  ImageRequest r = tiny_picture();
  r.num_inference_steps = 10;
  try {
    (void)tiny()->generate(r, callbacks);
    FAIL() << "not cancelled";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kCancelled);
  }
  EXPECT_EQ(last, 2);
}

TEST(SanaRequests, ReportsStagesAndMemory) {
  const ImageResult result = tiny()->generate(tiny_picture());
  std::vector<std::string> names;
  for (const auto& [name, seconds] : result.seconds) {
    names.push_back(name);
    EXPECT_GE(seconds, 0);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"encode", "denoise", "decode"}));
  EXPECT_GT(result.peak_bytes, size_t{1} << 20);
}

// The two exact cases that come with the embedded model.
TEST(EmbeddedModel, MakesTheReferencePictures) {
  const std::string folder = support::source_path("models/");
  std::ifstream file(folder + "reference/cases_image.json");
  const nlohmann::json cases = nlohmann::json::parse(file);
  ASSERT_EQ(cases.size(), 2U);
  const auto pipeline = ImagePipeline::open(folder + "swan-emoji-256");
  for (const auto& c : cases) {
    ImageRequest r;
    r.prompt = {c.at("prompt").get<std::string>()};
    r.seed = {c.at("seed").get<uint64_t>()};
    r.num_inference_steps = c.at("steps");
    r.guidance_scale = c.at("guidance_scale");
    const ImageResult result = pipeline->generate(r);  // size, binning and instruction are the model's own defaults
    const std::string expected = c.at("files").at(0);
    EXPECT_TRUE(support::same_picture(result.images[0], support::read_png(folder + "reference/" + expected), 1, 0.99))
        << expected;
  }
}

TEST(EmbeddedModel, KeepsItsWeightsInOtherDtypes) {
  const std::string folder = support::source_path("models/swan-emoji-256");
  ImageRequest r;
  r.prompt = {"a red apple on a blue background"};
  r.seed = {42};
  r.num_inference_steps = 4;
  const Image stored = ImagePipeline::open(folder)->generate(r).images[0];
  const Image wide = ImagePipeline::open(folder, {.dtype = "f32"})->generate(r).images[0];
  EXPECT_TRUE(support::same_picture(wide, stored));
  const auto coarse = support::compare(ImagePipeline::open(folder, {.dtype = "bf16"})->generate(r).images[0], stored);
  EXPECT_GT(coarse.mean_level, 0.0);  // the weights were rounded
  EXPECT_LT(coarse.mean_level, 8.0);
  EXPECT_THROW((void)ImagePipeline::open(folder, {.dtype = "f64"}), Error);
  EXPECT_THROW((void)ImagePipeline::open(folder, {.device = "cuda:63"}), Error);
}

}  // namespace
}  // namespace swan

// A pipeline that is used again and again: on a device its later runs are recordings of the first ones
// (core/idle_replays.h), which must give what a pipeline of their own gives.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "pipeline/tiny_requests.h"
#include "support/close.h"
#include "support/golden.h"
#include "swan/pipeline.h"

namespace swan {
namespace {

std::unique_ptr<ImagePipeline> tiny(const std::string& model) {
  return ImagePipeline::open(support::golden_path("models/" + model));
}

void expect_as_alone(ImagePipeline& pipeline, const std::string& model, const ImageRequest& request) {
  const ImageResult again = pipeline.generate(request), alone = tiny(model)->generate(request);
  ASSERT_EQ(again.latents.numel(), alone.latents.numel());
  for (int64_t i = 0; i < again.latents.numel(); ++i)
    ASSERT_EQ(again.latents.data<float>()[i], alone.latents.data<float>()[i]) << "value " << i;
  EXPECT_EQ(again.images.at(0).rgb, alone.images.at(0).rgb);
}

// Prompts of one length and of another, other seeds, guidance and sizes, and what comes back after them.
std::vector<ImageRequest> requests() {
  ImageRequest r = tiny_picture(64, 64);
  std::vector<ImageRequest> all = {r, r, r};
  all[1].seed = {8};
  all[2].prompt = {"a blue dog"};
  r.prompt = {"three green apples on a wooden table beside a window"};
  all.push_back(r);
  r.width = 96;
  all.push_back(r);
  all.push_back(all[2]);
  return all;
}

class RepeatedRuns : public testing::TestWithParam<int> {};

TEST_P(RepeatedRuns, GiveWhatEachGivesAlone) {
  for (const char* model : {"sana", "sana_sprint"}) {
    const auto pipeline = tiny(model);
    for (ImageRequest request : requests()) {
      SCOPED_TRACE(std::string(model) + ": " + request.prompt[0]);
      request.num_inference_steps = GetParam();
      request.guidance_scale = 3 + static_cast<double>(request.seed[0]) / 10;
      expect_as_alone(*pipeline, model, request);
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Steps, RepeatedRuns, testing::Values(1, 2, 4));

// Two passes each, of the same shapes: guided by a negative prompt, and by a perturbed pass.
TEST(RepeatedRuns, KindsOfGuidanceAreApart) {
  const auto pipeline = tiny("sana");
  ImageRequest guided = tiny_picture(64, 64), perturbed = guided;
  guided.negative_prompt = {"a red cat"};
  perturbed.guidance_scale = 1;
  perturbed.pag_scale = 3;
  for (int i = 0; i < 2; ++i) {
    expect_as_alone(*pipeline, "sana", guided);
    expect_as_alone(*pipeline, "sana", perturbed);
  }
}

}  // namespace
}  // namespace swan

// WanPipeline against diffusers, end to end: the frames and latents of tests/golden/pipelines.
#include <gtest/gtest.h>

#include "core/parallel.h"
#include "support/close.h"
#include "support/golden.h"
#include "support/picture.h"
#include "swan/video_pipeline.h"

namespace swan {
namespace {

using support::GoldenPipeline;

std::vector<std::string> strings(const nlohmann::json& json) {
  return json.is_array() ? json.get<std::vector<std::string>>() : std::vector<std::string>{json.get<std::string>()};
}

VideoRequest request_of(const GoldenPipeline& golden) {
  const nlohmann::json& call = golden.call;
  VideoRequest r;
  r.prompt = strings(call.at("prompt"));
  if (call.contains("negative_prompt")) r.negative_prompt = strings(call.at("negative_prompt"));
  r.height = call.at("height");
  r.width = call.at("width");
  r.num_frames = call.at("num_frames");
  r.num_inference_steps = call.at("num_inference_steps");
  r.guidance_scale = call.at("guidance_scale");
  r.num_videos_per_prompt = call.value("num_videos_per_prompt", 1);
  r.max_sequence_length = call.value("max_sequence_length", 512);
  r.seed = golden.seeds;
  if (golden.json.contains("scheduler_override"))
    r.flow_shift = golden.json.at("scheduler_override").at("flow_shift").get<double>();
  return r;
}

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const GoldenPipeline& golden : support::golden_pipelines())
    if (golden.json.at("pipeline") == "WanPipeline") names.push_back(golden.name);
  return names;
}

// Frames within one level everywhere and equal on 99.7 % of the values.
void expect_frames(const std::vector<std::vector<Image>>& videos, const Tensor& expected) {
  ASSERT_EQ(static_cast<int64_t>(videos.size()), expected.dim(0));
  const int64_t count = expected.dim(1), values = expected.numel() / (expected.dim(0) * count);
  int64_t worst = 0, different = 0;
  for (size_t v = 0; v < videos.size(); ++v) {
    ASSERT_EQ(static_cast<int64_t>(videos[v].size()), count);
    for (size_t f = 0; f < videos[v].size(); ++f) {
      const Image& image = videos[v][f];
      ASSERT_EQ(image.height, expected.dim(2));
      ASSERT_EQ(image.width, expected.dim(3));
      const auto* p = expected.data<uint8_t>() + (static_cast<int64_t>(v) * count + static_cast<int64_t>(f)) * values;
      for (int64_t i = 0; i < values; ++i) {
        const int64_t off = std::abs(static_cast<int64_t>(image.rgb[static_cast<size_t>(i)]) - p[i]);
        worst = std::max(worst, off);
        different += off != 0 ? 1 : 0;
      }
    }
  }
  EXPECT_LE(worst, 1);
  EXPECT_LE(static_cast<double>(different), 0.003 * static_cast<double>(expected.numel()));
}

class WanPipelineTest : public testing::TestWithParam<std::string> {};

TEST_P(WanPipelineTest, MakesTheFramesOfDiffusers) {
  const GoldenPipeline golden = support::golden_pipeline(GetParam());
  const VideoRequest request = request_of(golden);
  const auto pipeline = VideoPipeline::open(golden.repository);
  const VideoResult result = pipeline->generate(request);

  expect_frames(result.frames, golden.tensor("frames_uint8"));
  const auto steps = golden.with_prefix("latents_after_step_");
  EXPECT_TRUE(support::close(result.latents, steps.rbegin()->second, 3e-4));
  EXPECT_EQ(result.num_frames, golden.call.at("num_frames").get<int64_t>());
  ASSERT_EQ(result.parameters.size(), result.frames.size());

  if (golden.has("prompt_embeds")) {
    const PromptEmbeddings embeds = pipeline->embed(request.prompt, request.max_sequence_length);
    EXPECT_TRUE(support::close(embeds.embeds, golden.tensor("prompt_embeds"), 3e-4));
    // From the embeddings the same clip comes, without the text encoder.
    VideoRequest again = request;
    again.prompt.clear();
    again.prompt_embeds = embeds;
    expect_frames(pipeline->generate(again).frames, golden.tensor("frames_uint8"));
  }
  // The noise as given instead of drawn.
  VideoRequest from_latents = request;
  from_latents.latents = golden.tensor("initial_latents");
  from_latents.seed = {999};
  EXPECT_TRUE(support::close(pipeline->generate(from_latents).latents, result.latents, 3e-4));
}

INSTANTIATE_TEST_SUITE_P(Cases, WanPipelineTest, testing::ValuesIn(case_names()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace swan

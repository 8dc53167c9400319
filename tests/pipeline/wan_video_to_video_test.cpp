// Clips that start from a clip: against diffusers' WanVideoToVideoPipeline (tools/golden/wan_video_to_video.py), and
// what a caller relies on of strength and masks.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/close.h"
#include "support/expect_error.h"
#include "support/golden.h"
#include "support/picture.h"
#include "swan/error.h"
#include "swan/video_pipeline.h"

namespace swan {
namespace {

std::unique_ptr<VideoPipeline> tiny() { return VideoPipeline::open(support::golden_path("models/wan")); }

// As in the script that wrote the fixture.
Image frame(int64_t t, int64_t width = 56, int64_t height = 40) {
  Image image{width, height, {}};
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x)
      for (const int64_t value : {x * 5 + t * 20, y * 6 + t * 10, x * y + 40 * t})
        image.rgb.push_back(static_cast<uint8_t>(value % 256));
  return image;
}

std::vector<Image> frames(int64_t count, int64_t width = 56, int64_t height = 40) {
  std::vector<Image> clip;
  for (int64_t t = 0; t < count; ++t) clip.push_back(frame(t, width, height));
  return clip;
}

VideoRequest quick() {
  VideoRequest r;
  r.prompt = {"a red balloon"};
  r.negative_prompt = {"blurry"};
  r.height = 48;
  r.width = 64;
  r.num_inference_steps = 4;
  r.seed = {21};
  r.video = frames(5);
  return r;
}

template <typename Change>
VideoRequest with(const Change& change) {
  VideoRequest r = quick();
  change(r);
  return r;
}

Image filled(uint8_t level, int64_t width = 56, int64_t height = 40) {
  return {width, height, std::vector<uint8_t>(static_cast<size_t>(3 * width * height), level)};
}

struct Case {
  const char* name;
  double strength, guidance_scale;
  int steps, taken;
  uint64_t seed;
};
class WanVideoToVideo : public testing::TestWithParam<Case> {};

TEST_P(WanVideoToVideo, MakesTheLatentsOfDiffusers) {
  const Case& c = GetParam();
  const support::GoldenTensors golden(support::golden_path("derived/wan_video_to_video.safetensors"));
  VideoRequest r = quick();
  r.strength = c.strength;
  r.guidance_scale = c.guidance_scale;
  r.num_inference_steps = c.steps;
  r.seed = {c.seed};
  r.decode = false;
  int steps = 0;
  VideoCallbacks callbacks;
  callbacks.progress = [&](const std::string& stage, int, int total) {
    if (stage == "denoise") steps = total;
  };
  const VideoResult result = tiny()->generate(r, callbacks);
  EXPECT_EQ(steps, c.taken);
  EXPECT_EQ(result.num_frames, 5);
  EXPECT_TRUE(support::close(result.latents, golden.tensor(std::string(c.name) + ".latents"), 3e-4));
}

INSTANTIATE_TEST_SUITE_P(Cases, WanVideoToVideo,
                         testing::Values(Case{"strength_80", 0.8, 5, 4, 3, 21}, Case{"strength_50", 0.5, 1, 5, 2, 22},
                                         Case{"strength_100", 1, 3, 2, 2, 23}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(WanVideoToVideoRequests, RefusesWhatCannotBeMade) {
  const auto pipeline = tiny();
  const auto wrong = [&](const auto& change, const std::string& text) {
    expect_error(ErrorCode::kInvalidArgument, {text}, [&] { (void)pipeline->generate(with(change)); });
  };
  wrong([](VideoRequest& r) { r.num_frames = 9; }, "has 5 frames, and 9");
  wrong([](VideoRequest& r) { r.strength = 1.5; }, "0 to 1");
  wrong([](VideoRequest& r) { r.strength = 0.1; }, "leaves none of 4 steps");
  wrong([](VideoRequest& r) { r.video[2] = frame(2, 20, 20); }, "20 x 20");
  wrong([](VideoRequest& r) { r.video[1].rgb.pop_back(); }, "bytes");
  wrong([](VideoRequest& r) { r.latents = Tensor::zeros({1, 8, 2, 6, 8}, DType::kF32); }, "give one of them");
  wrong([](VideoRequest& r) { r.mask = filled(255, 64, 48); }, "the mask has 64 x 48");
  wrong(
      [](VideoRequest& r) {
        r.video.clear();
        r.strength = 0.5;
      },
      "no clip to start from");
  wrong(
      [](VideoRequest& r) {
        r.video.clear();
        r.mask = filled(255);
      },
      "a mask is given, but no clip");
}

TEST(WanVideoToVideoRequests, FramesSayHowManyAreMade) {
  const auto pipeline = tiny();
  EXPECT_EQ(pipeline->generate(with([](VideoRequest& r) { r.video = frames(7); })).num_frames, 5);  // 1 + 4n
  EXPECT_EQ(pipeline
                ->generate(with([](VideoRequest& r) {
                  r.video = frames(9);
                  r.num_frames = 5;
                }))
                .num_frames,
            5);
  // One picture stands for all frames.
  const VideoRequest still = with([](VideoRequest& r) {
    r.video = frames(1);
    r.num_frames = 5;
  });
  const VideoRequest repeated = with([](VideoRequest& r) { r.video.assign(5, frame(0)); });
  EXPECT_TRUE(support::identical(pipeline->generate(still).latents, pipeline->generate(repeated).latents));
}

TEST(WanVideoToVideoRequests, AMaskKeepsItsBlackPixels) {
  const auto pipeline = tiny();
  // Of the result's own size, so that nothing is scaled.
  const auto request = [](const std::optional<Image>& mask) {
    return with([&](VideoRequest& r) {
      r.video = frames(5, 64, 48);
      r.mask = mask;
    });
  };
  const VideoResult plain = pipeline->generate(request(std::nullopt));
  const VideoResult white = pipeline->generate(request(filled(255, 64, 48)));
  EXPECT_TRUE(support::identical(white.latents, plain.latents));
  for (size_t t = 0; t < 5; ++t) EXPECT_EQ(white.frames[0][t].rgb, plain.frames[0][t].rgb);
  const VideoResult black = pipeline->generate(request(filled(0, 64, 48)));
  for (int64_t t = 0; t < 5; ++t) EXPECT_EQ(black.frames[0][static_cast<size_t>(t)].rgb, frame(t, 64, 48).rgb) << t;

  Image half = filled(0, 64, 48);
  for (size_t i = 0; i < half.rgb.size(); ++i)
    if (i / 3 % 64 >= 32) half.rgb[i] = 255;
  const VideoResult mixed = pipeline->generate(request(half));
  for (int64_t t = 0; t < 5; ++t) {
    const Image &made = mixed.frames[0][static_cast<size_t>(t)], start = frame(t, 64, 48);
    size_t kept = 0, changed = 0;
    for (size_t i = 0; i < made.rgb.size(); ++i) (i / 3 % 64 < 32 ? kept : changed) += made.rgb[i] != start.rgb[i];
    EXPECT_EQ(kept, 0U) << t;
    EXPECT_GT(changed, made.rgb.size() / 4) << t;
  }
}

TEST(WanVideoToVideoRequests, SettingsSayWhatCannotBeRepeated) {
  const auto pipeline = tiny();
  VideoRequest r = quick();
  r.mask = filled(255);
  const VideoResult result = pipeline->generate(r);
  nlohmann::json settings = nlohmann::json::parse(result.parameters.at(0));
  EXPECT_EQ(settings.at("pipeline"), "WanVideoToVideoPipeline");
  EXPECT_EQ(settings.at("strength"), 0.8);
  const auto repeat = [&] { return video_request_from_parameters(settings.dump()); };
  expect_error(ErrorCode::kInvalidArgument, {"--video"}, repeat);
  settings.erase("video");
  expect_error(ErrorCode::kInvalidArgument, {"--mask"}, repeat);
  settings.erase("mask");
  RepeatableVideoRequest again = repeat();
  again.request.video = r.video;
  again.request.mask = r.mask;
  EXPECT_TRUE(support::identical(pipeline->generate(again.request).latents, result.latents));
}

}  // namespace
}  // namespace swan

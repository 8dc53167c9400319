#include "pipelines/latent_preview.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "core/generator.h"
#include "pipeline/tiny_requests.h"
#include "pipelines/stages.h"
#include "support/golden.h"
#include "swan/pipeline.h"
#include "swan/video_pipeline.h"

namespace swan::pipelines {
namespace {

// A decoder that a linear preview can learn wholly: each latent gives a patch of 8 x 8 pixels whose four quarters are
// linear in its channels.
Image decode(const Tensor& latents, int64_t sample) {
  const int64_t channels = latents.dim(1), height = latents.dim(2), width = latents.dim(3);
  Image image{.width = width * 8, .height = height * 8, .rgb = {}};
  for (int64_t y = 0; y < image.height; ++y)
    for (int64_t x = 0; x < image.width; ++x)
      for (int64_t c = 0; c < 3; ++c) {
        double value = 0.5;
        for (int64_t k = 0; k < channels; ++k)
          value += 0.04 * static_cast<double>((k + c + y / 4 % 2 + 2 * (x / 4 % 2)) % 4 - 1) *
                   latents.data<float>()[((sample * channels + k) * height + y / 8) * width + x / 8];
        image.rgb.push_back(static_cast<uint8_t>(std::lround(std::min(1.0, std::max(0.0, value)) * 255)));
      }
  return image;
}

std::vector<Preview> shown(const LatentPreview& preview, const Tensor& latents) {
  std::vector<Preview> seen;
  Callbacks callbacks;
  callbacks.preview = [&seen](Preview&& p) { seen.push_back(std::move(p)); };
  Stages stages(callbacks, nullptr);
  stages.begin("denoise", 4);
  preview.show(latents, 2, stages);
  return seen;
}

TEST(LatentPreview, LearnsWhatTheDecoderMakes) {
  Generator generator(3);
  LatentPreview preview(4, 8);
  const Tensor known = generator.randn({2, 4, 6, 10}), other = generator.randn({2, 4, 5, 3});
  preview.learn(known, 1, 0, decode(known, 1));
  const std::vector<Preview> seen = shown(preview, other);
  ASSERT_EQ(seen.size(), 2U);
  for (const Preview& p : seen) {
    EXPECT_EQ(p.step, 2);
    EXPECT_EQ(p.steps, 4);
    ASSERT_EQ(p.picture.width, 6);
    ASSERT_EQ(p.picture.height, 10);
    const Image whole = decode(other, p.index);
    for (int64_t y = 0; y < 10; ++y)
      for (int64_t x = 0; x < 6 * 3; ++x)
        EXPECT_NEAR(p.picture.rgb[static_cast<size_t>(y * 18 + x)],
                    whole.rgb[static_cast<size_t>((y * 4 * whole.width + x / 3 * 4) * 3 + x % 3)], 3);
  }
}

TEST(LatentPreview, FollowsTheDecoderWhenItChanges) {
  Generator generator(3);
  LatentPreview preview(1, 8);
  const Tensor zeros = Tensor::zeros({1, 1, 4, 4}, DType::kF32);
  Image black{.width = 32, .height = 32, .rgb = std::vector<uint8_t>(32 * 32 * 3)}, white = black;
  std::fill(white.rgb.begin(), white.rgb.end(), 255);
  preview.learn(zeros, 0, 0, black);
  EXPECT_LT(shown(preview, zeros)[0].picture.rgb[0], 10);
  for (int i = 0; i < 30; ++i) preview.learn(zeros, 0, 0, white);
  EXPECT_GT(shown(preview, zeros)[0].picture.rgb[0], 240);
}

TEST(LatentPreview, BeforeTheFirstPictureItIsGrey) {
  Tensor latents = Tensor::zeros({1, 3, 4, 5}, DType::kF32);
  for (int c = 0; c < 3; ++c) latents.data_mut<float>()[c * 20 + 7] = 9;  // row 1, column 2
  const Image image = shown(LatentPreview(3, 32), latents).at(0).picture;
  ASSERT_EQ(image.width, 5);
  ASSERT_EQ(image.height, 4);
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(image.rgb[i * 3], image.rgb[i * 3 + 2]);
    EXPECT_EQ(image.rgb[i * 3] == 255, i == 7) << i;
  }
  EXPECT_NO_THROW((void)shown(LatentPreview(3, 32), Tensor::zeros({1, 3, 1, 1}, DType::kF32)));
}

TEST(LatentPreview, WhatTeachesNothingChangesNothing) {
  Generator generator(3);
  LatentPreview preview(4, 8);
  Tensor latents = generator.randn({1, 4, 6, 10});
  preview.learn(latents, 0, 0, {.width = 79, .height = 48, .rgb = std::vector<uint8_t>(79 * 48 * 3)});
  preview.learn(latents, 0, 0, Image());  // it was blocked
  EXPECT_EQ(shown(preview, latents).at(0).picture.width, 10) << "still the outline";
  preview.learn(latents, 0, 0, decode(latents, 0));
  const Image before = shown(preview, latents).at(0).picture;
  Tensor broken = latents.clone();
  broken.data_mut<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  preview.learn(broken, 0, 0, decode(latents, 0));
  EXPECT_EQ(shown(preview, latents).at(0).picture.rgb, before.rgb);
  Image black = decode(latents, 0);
  std::fill(black.rgb.begin(), black.rgb.end(), 0);
  preview.learn(latents, 0, 0, black);
  EXPECT_NE(shown(preview, latents).at(0).picture.rgb, before.rgb) << "nor does it end the learning";
}

TEST(LatentPreview, IsShownWhileAPictureIsMade) {
  for (const char* model : {"sana", "sana_sprint"}) {
    const auto pipeline = ImagePipeline::open(support::golden_path(std::string("models/") + model));
    std::vector<Preview> seen;
    Callbacks callbacks;
    callbacks.preview = [&seen](Preview&& p) { seen.push_back(std::move(p)); };
    callbacks.preview_interval = 0;
    ImageRequest request = tiny_picture(64, 128);
    request.num_inference_steps = 4;
    request.num_images_per_prompt = 2;
    const ImageResult alone = pipeline->generate(request);
    const ImageResult first = pipeline->generate(request, callbacks);
    EXPECT_EQ(first.images[1].rgb, alone.images[1].rgb) << "watching changes nothing";
    ASSERT_EQ(seen.size(), 6U) << "two pictures after each step but the last";
    EXPECT_EQ(seen[5].step, 3);
    EXPECT_EQ(seen[5].steps, 4);
    EXPECT_EQ(seen[5].index, 1);
    const int64_t outline = seen[0].picture.width;
    seen.clear();
    (void)pipeline->generate(request, callbacks);
    ASSERT_EQ(seen.size(), 6U);
    EXPECT_GT(seen[0].picture.width, outline) << "now it has learned";
    EXPECT_EQ(seen[0].picture.width, 2 * seen[0].picture.height);

    seen.clear();
    callbacks.preview_interval = 1000;
    (void)pipeline->generate(request, callbacks);
    EXPECT_EQ(seen.size(), 2U) << "once in the interval";
    seen.clear();
    callbacks.preview_interval = 0;
    callbacks.inspect = [](Image&, const OutputInfo&) { return Verdict::kPass; };
    (void)pipeline->generate(request, callbacks);
    EXPECT_EQ(seen.size(), 0U) << "an inspector would not have seen it";
  }
}

TEST(LatentPreview, IsShownWhileAVideoIsMade) {
  const auto pipeline = VideoPipeline::open(support::golden_path("models/wan"));
  std::vector<Preview> seen;
  VideoCallbacks callbacks;
  callbacks.preview = [&seen](Preview&& p) { seen.push_back(std::move(p)); };
  callbacks.preview_interval = 0;
  (void)pipeline->generate(tiny_clip(), callbacks);
  (void)pipeline->generate(tiny_clip(), callbacks);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[1].picture.width * 32, seen[1].picture.height * 48);
  EXPECT_GT(seen[1].picture.width, seen[0].picture.width);
}

}  // namespace
}  // namespace swan::pipelines

#include "pipelines/parameters.h"

#include <gtest/gtest.h>

#include "swan/error.h"

namespace swan {
namespace {

ImageRequest full_request() {
  ImageRequest r;
  r.prompt = {"红苹果 \"quoted\" \n", "b"};
  r.negative_prompt = {"x", "y"};
  r.num_inference_steps = 7;
  r.guidance_scale = 3.25;
  r.num_images_per_prompt = 2;
  r.seed = {0, 18446744073709551615ULL, 2, 3};
  r.scheduler = "flow-euler";
  r.max_sequence_length = 120;
  r.use_resolution_binning = false;
  r.vae_tiling = VaeTiling{96, 128, 64, 96};
  return r;
}

std::string text_of(const ImageRequest& r, int64_t index, const std::string& device = "cpu") {
  pipelines::RunFacts facts;
  facts.device = device;
  facts.model = pipelines::kEmbeddedModel;
  facts.load.variant = "fp16";
  facts.load.dtype = "bf16";
  facts.pipeline = "SanaPipeline";
  facts.scheduler = "flow-euler";
  facts.scheduler_config = {{"shift", 3.0}};
  facts.complex_human_instruction = {"a", "b "};
  facts.height = 320;
  facts.width = 640;
  facts.num_inference_steps = *r.num_inference_steps;
  facts.strength = r.strength.value_or(0);
  facts.guidance_scale = r.guidance_scale;
  return pipelines::parameters_of(r, facts, index);
}

TEST(Parameters, RoundTrip) {
  const ImageRequest r = full_request();
  const RepeatableRequest back = request_from_parameters(text_of(r, 3));
  EXPECT_EQ(back.model, "");
  EXPECT_EQ(back.load.variant, "fp16");
  EXPECT_EQ(back.load.dtype, "bf16");
  EXPECT_EQ(back.index, 3);
  EXPECT_EQ(back.request.prompt, r.prompt);
  EXPECT_EQ(back.request.negative_prompt, r.negative_prompt);
  EXPECT_EQ(back.request.seed, r.seed);
  EXPECT_EQ(back.request.height, 320);
  EXPECT_EQ(back.request.width, 640);
  EXPECT_EQ(back.request.num_inference_steps, 7);
  EXPECT_EQ(back.request.guidance_scale, 3.25);
  EXPECT_EQ(back.request.num_images_per_prompt, 2);
  EXPECT_EQ(back.request.scheduler, "flow-euler");
  EXPECT_EQ(back.request.max_sequence_length, 120);
  EXPECT_EQ(back.request.complex_human_instruction, (std::vector<std::string>{"a", "b "}));
  EXPECT_FALSE(back.request.use_resolution_binning);
  ASSERT_TRUE(back.request.vae_tiling.has_value());
  EXPECT_EQ(back.request.vae_tiling->tile_sample_min_width, 128);
}

TEST(Parameters, OfSprintRoundTrip) {
  ImageRequest r = full_request();
  EXPECT_FALSE(request_from_parameters(text_of(r, 0)).request.max_timesteps);
  EXPECT_FALSE(request_from_parameters(text_of(r, 0)).request.intermediate_timesteps);
  r.max_timesteps = 1.5;
  r.intermediate_timesteps = 0;
  const ImageRequest back = request_from_parameters(text_of(r, 0)).request;
  EXPECT_EQ(back.max_timesteps, 1.5);
  EXPECT_EQ(back.intermediate_timesteps, 0);
  EXPECT_FALSE(back.strength);
  r.image = Image{.width = 1, .height = 1, .rgb = {1, 2, 3}};
  r.strength = 0.25;
  try {
    (void)request_from_parameters(text_of(r, 0));
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(e.what()).find("--image"), std::string::npos) << e.what();
  }
  auto json = nlohmann::json::parse(text_of(r, 0));  // as the program does where the picture is given again
  json.erase("image");
  EXPECT_EQ(request_from_parameters(json.dump()).request.strength, 0.25);
}

TEST(Parameters, WhatAGpuMadeNeedsNone) {
  EXPECT_EQ(request_from_parameters(text_of(full_request(), 0, "cuda:1")).load.device, "auto");
  EXPECT_EQ(request_from_parameters(text_of(full_request(), 0, "cpu")).load.device, "cpu");
}

TEST(Parameters, SayWhatCannotBeRepeated) {
  ImageRequest r = full_request();
  r.latents = Tensor::zeros({4, 8, 10, 20}, DType::kF32);
  try {
    (void)request_from_parameters(text_of(r, 0));
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(e.what()).find("--latents"), std::string::npos) << e.what();
  }
}

TEST(Parameters, RefuseWhatSwanDidNotWrite) {
  const auto json = nlohmann::json::parse(text_of(full_request(), 0));
  const auto refused = [](const std::string& text) {
    try {
      (void)request_from_parameters(text);
    } catch (const Error& e) {
      return e.code() == ErrorCode::kCorruptFile;
    }
    return false;
  };
  EXPECT_TRUE(refused(""));
  EXPECT_TRUE(refused("[]"));
  EXPECT_TRUE(refused("{}"));
  EXPECT_TRUE(refused("{\"software\": \"other\"}"));
  for (const auto& [key, value] :
       std::initializer_list<std::pair<const char*, nlohmann::json>>{{"prompt", 3},
                                                                     {"seeds", "1"},
                                                                     {"seeds", nlohmann::json::array()},
                                                                     {"seeds", {-1}},
                                                                     {"height", -5},
                                                                     {"width", "wide"},
                                                                     {"num_inference_steps", 1e9},
                                                                     {"vae_tiling", {1, 2}}}) {
    auto changed = json;
    changed[key] = value;
    EXPECT_TRUE(refused(changed.dump())) << key << " " << value;
  }
}

}  // namespace
}  // namespace swan

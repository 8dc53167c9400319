// LoRAs as a caller of the pipelines meets them: put on and taken off, several at once, recorded in the settings.
#include <gtest/gtest.h>

#include <filesystem>
#include <mutex>

#include "io/safetensors.h"
#include "pipeline/tiny_requests.h"
#include "support/close.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "swan/error.h"
#include "swan/log.h"
#include "swan/pipeline.h"
#include "swan/video_pipeline.h"

namespace swan {
namespace {

std::string plain_lora() { return support::golden_path("models/lora_plain"); }
std::string lora_of_1_5() { return support::golden_path("models/lora_with_metadata"); }  // the same times 1.5

std::unique_ptr<ImagePipeline> tiny(const LoadOptions& options = {}) {
  return ImagePipeline::open(support::golden_path("models/sana"), options);
}

Tensor latents(ImagePipeline& pipeline) { return pipeline.generate(tiny_picture()).latents; }

TEST(Lora, ComesOffToTheBit) {
  const auto pipeline = tiny();
  const ImageResult base = pipeline->generate(tiny_picture());
  pipeline->set_loras({{plain_lora()}});
  const ImageResult with = pipeline->generate(tiny_picture());
  EXPECT_GT(support::distance(with.latents, base.latents).relative_l2, 1e-3);
  pipeline->set_loras({});
  const ImageResult after = pipeline->generate(tiny_picture());
  EXPECT_TRUE(support::identical(after.latents, base.latents));
  EXPECT_EQ(after.images.at(0).rgb, base.images.at(0).rgb);
  EXPECT_EQ(after.parameters, base.parameters);
  // And on again, as if it had been there from the beginning.
  pipeline->set_loras({{plain_lora()}});
  EXPECT_TRUE(support::identical(latents(*pipeline), with.latents));
  EXPECT_TRUE(support::identical(latents(*tiny({.lora = {{plain_lora()}}})), with.latents));
}

TEST(Lora, OneThatCannotBeLoadedChangesNothing) {
  const auto pipeline = tiny({.lora = {{plain_lora()}}});
  const Tensor before = latents(*pipeline);
  EXPECT_THROW(pipeline->set_loras({{"/nothing.safetensors"}}), Error);
  EXPECT_TRUE(support::identical(latents(*pipeline), before));
}

TEST(Lora, SeveralAddUp) {
  const Tensor twice = latents(*tiny({.lora = {{plain_lora(), 0.5}, {plain_lora(), 0.25}, {lora_of_1_5(), 0.5}}}));
  EXPECT_TRUE(support::close(twice, latents(*tiny({.lora = {{plain_lora(), 1.5}}})), 3e-4));
  EXPECT_TRUE(support::close(twice, latents(*tiny({.lora = {{lora_of_1_5()}}})), 3e-4));
  EXPECT_TRUE(support::close(twice, latents(*tiny({.lora = {{lora_of_1_5()}}, .fuse_lora = true})), 3e-4));
}

TEST(Lora, IsInTheSettings) {
  const LoadOptions load = {
      .lora = {{plain_lora(), 0.5}, {lora_of_1_5(), -0.25}}, .lora_lenient = true, .fuse_lora = true};
  const ImageResult first = tiny(load)->generate(tiny_picture());
  const auto json = nlohmann::json::parse(first.parameters.at(0));
  ASSERT_EQ(json.at("loras").size(), 2U);
  EXPECT_EQ(json["loras"][0]["path"], plain_lora());
  EXPECT_EQ(json["loras"][1]["scale"], -0.25);
  EXPECT_EQ(json["loras"][0]["keys"], 76);
  EXPECT_EQ(json["loras"][0]["unused_keys"], 0);
  const RepeatableRequest back = request_from_parameters(first.parameters.at(0));
  EXPECT_EQ(back.load.lora, load.lora);
  EXPECT_TRUE(back.load.lora_lenient && back.load.fuse_lora);
  const ImageResult again = ImagePipeline::open(back.model, back.load)->generate(back.request);
  EXPECT_EQ(again.images.at(0).rgb, first.images.at(0).rgb);
  EXPECT_EQ(again.parameters, first.parameters);
  EXPECT_FALSE(nlohmann::json::parse(tiny()->generate(tiny_picture()).parameters.at(0)).contains("loras"));

  for (const auto& wrong : std::initializer_list<nlohmann::json>{
           "x", 3, {{{"path", "a"}}}, {{{"path", 3}, {"scale", 1}}}, {{{"path", "a"}, {"scale", "b"}}}, {1}}) {
    auto changed = json;
    changed["loras"] = wrong;
    try {
      (void)request_from_parameters(changed.dump());
      ADD_FAILURE() << wrong;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kCorruptFile) << wrong;
    }
  }
}

TEST(Lora, IsNamedByAPathThatLasts) {
  const auto relative = std::filesystem::relative(plain_lora()).string();
  const ImageResult result = tiny({.lora = {{relative}}})->generate(tiny_picture());
  EXPECT_EQ(nlohmann::json::parse(result.parameters.at(0))["loras"][0]["path"],
            std::filesystem::absolute(plain_lora()).lexically_normal().string());
}

// Unknown keys are found out when the model is opened, before anything is computed.
TEST(Lora, OfAnotherModelIsRefusedAtOnce) {
  for (const bool video : {false, true}) {
    try {
      if (video) {
        (void)VideoPipeline::open(support::golden_path("models/wan"), {.lora = {{plain_lora()}}});
      } else {
        support::TempDir dir;
        const Tensor a = Tensor::zeros({2, 48}, DType::kF32), b = Tensor::zeros({48, 2}, DType::kF32);
        io::write_safetensors(dir.file("wan.safetensors"), {{"diffusion_model.blocks.0.self_attn.q.lora_A.weight", a},
                                                            {"diffusion_model.blocks.0.self_attn.q.lora_B.weight", b}});
        (void)tiny({.lora = {{dir.file("wan.safetensors")}}});
      }
      ADD_FAILURE();
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kMissingTensor) << e.what();
    }
  }
}

// A LoRA of one layer of a repository's transformer, with a key too many.
std::string one_layer(const support::TempDir& dir, const std::string& key, const Shape& weight, bool foreign) {
  std::vector<float> values(static_cast<size_t>(std::max(weight[0], weight[1])) * 2);
  for (size_t i = 0; i < values.size(); ++i) values[i] = 0.3F * static_cast<float>(static_cast<int>(i % 7) - 3);
  const auto of = [&](const Shape& shape) {
    return Tensor::from(std::span(values).first(static_cast<size_t>(shape.numel())), shape);
  };
  std::map<std::string, Tensor> tensors = {{key + ".lora_down.weight", of({2, weight[1]})},
                                           {key + ".lora_up.weight", of({weight[0], 2})},
                                           {key + ".alpha", Tensor::full({}, 4)}};
  if (foreign) tensors["elsewhere.alpha"] = Tensor::full({}, 1);
  io::write_safetensors(dir.file("lora.safetensors"), tensors);
  return dir.file("lora.safetensors");
}

TEST(Lora, OfWanAndOfSprint) {
  support::TempDir dir;
  const std::string wan = support::golden_path("models/wan");
  const auto clip = [&](const LoadOptions& load) {
    VideoRequest r;
    r.prompt = {"a red balloon"};
    r.height = 32;
    r.width = 48;
    r.num_frames = 5;
    r.num_inference_steps = 2;
    return VideoPipeline::open(wan, load)->generate(r);
  };
  const auto config = support::read_json(wan + "/transformer/config.json");
  const int64_t dim = config.at("num_attention_heads").get<int64_t>() * config.at("attention_head_dim").get<int64_t>();
  const std::string path = one_layer(dir, "diffusion_model.blocks.0.self_attn.v", {dim, dim}, true);
  EXPECT_THROW((void)clip({.lora = {{path}}}), Error);

  std::vector<std::string> warnings;
  set_log_sink([&](LogLevel level, const std::string& message) {
    if (level == LogLevel::kWarning) warnings.push_back(message);
  });
  const VideoResult with = clip({.lora = {{path}}, .lora_lenient = true});
  set_log_sink({});
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].find("elsewhere.alpha"), std::string::npos) << warnings[0];
  EXPECT_GT(support::distance(with.latents, clip({}).latents).relative_l2, 1e-3);
  const VideoResult fused = clip({.lora = {{path}}, .lora_lenient = true, .fuse_lora = true});
  EXPECT_TRUE(support::close(fused.latents, with.latents, 3e-4));
  EXPECT_EQ(video_request_from_parameters(with.parameters.at(0)).load.lora, (std::vector<Lora>{{path}}));
  EXPECT_EQ(nlohmann::json::parse(with.parameters.at(0))["loras"][0]["unused_keys"], 1);

  const auto sprint = ImagePipeline::open(support::golden_path("models/sana_sprint"));
  const Tensor base = latents(*sprint);
  sprint->set_loras({{one_layer(dir, "lora_unet_transformer_blocks_0_attn1_to_v", {48, 48}, false)}});
  EXPECT_GT(support::distance(latents(*sprint), base).relative_l2, 1e-3);
}

}  // namespace
}  // namespace swan

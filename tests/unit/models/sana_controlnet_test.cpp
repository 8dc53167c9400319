#include "models/sana_controlnet.h"

#include "core/error.h"
#include "models/sana_transformer.h"
#include "support/device.h"
#include "taps.h"

namespace swan {
namespace {

using support::Golden;
using support::GoldenCase;

constexpr double kTolerance = 2e-5;  // fixtures/README.md

models::SanaControlNetModel open(const Golden& golden) {
  const auto weights = io::Weights::open(golden.path(), "diffusion_pytorch_model", "");
  models::SanaControlNetModel model(models::parse_sana_controlnet_config(io::Config::read(golden.config_path())),
                                    nn::Scope(weights));
  weights->finish();
  return model;
}

models::SanaText text_of(const models::SanaControlNetModel& model, const GoldenCase& c, Context& ctx) {
  return model.encode_text(c.input("encoder_hidden_states"), c.input("encoder_attention_mask").to(DType::kI32), ctx);
}

std::vector<Tensor> samples_of(const models::SanaControlNetModel& model, const GoldenCase& c, const Tensor& condition,
                               double scale, Context& ctx) {
  return model.forward(c.input("hidden_states"), text_of(model, c, ctx), condition, c.input("timestep").to(DType::kF32),
                       scale, ctx);
}

double scale_of(const GoldenCase& c) { return *c.input("conditioning_scale").to(DType::kF32).data<float>(); }

TEST(SanaControlNet, MatchesDiffusers) {
  const Golden golden = Golden::open("components/sana_controlnet");
  const models::SanaControlNetModel model = open(golden);
  ASSERT_EQ(golden.cases().size(), 2U);
  for (const auto& c : golden.cases()) {
    // The reference embeds the condition after the latents, within its forward.
    Context before = support::test_context(), ctx = support::test_context();
    before.record_taps(true);
    ctx.record_taps(true);
    const Tensor condition = model.encode_condition(c.input("controlnet_cond"), before);
    const std::vector<Tensor> samples = samples_of(model, c, condition, scale_of(c), ctx);
    ASSERT_EQ(samples.size(), 2U);
    for (size_t i = 0; i < samples.size(); ++i)
      EXPECT_TRUE(support::close(samples[i], c.output("block_" + std::to_string(i)), kTolerance)) << c.name;

    ASSERT_TRUE(before.taps().contains("patch_embed") && before.taps().contains("input_block"));
    EXPECT_TRUE(support::close(before.taps().at("patch_embed"), c.tensor("mid.patch_embed#1"), kTolerance)) << c.name;
    EXPECT_TRUE(support::close(before.taps().at("input_block"), c.tensor("mid.input_block"), kTolerance)) << c.name;
    ASSERT_GE(c.with_prefix("mid.").size(), 5U);
    support::expect_taps(ctx, c, kTolerance, {"patch_embed#1", "input_block"});
  }
}

TEST(SanaControlNet, TheScaleMultipliesWhatItMakes) {
  const Golden golden = Golden::open("components/sana_controlnet");
  const models::SanaControlNetModel model = open(golden);
  const GoldenCase& c = golden.at("case_00");
  Context ctx = support::test_context();
  const Tensor condition = model.encode_condition(c.input("controlnet_cond"), ctx);
  const std::vector<Tensor> whole = samples_of(model, c, condition, 1, ctx);
  const std::vector<Tensor> quarter = samples_of(model, c, condition, -0.25, ctx);
  for (size_t i = 0; i < whole.size(); ++i) {
    Tensor expected = whole[i].cpu().to(DType::kF32).clone();
    for (int64_t n = 0; n < expected.numel(); ++n) expected.data_mut<float>()[n] *= -0.25F;
    EXPECT_TRUE(support::close(quarter[i], expected, 1e-6)) << i;
  }
}

TEST(SanaControlNet, OneConditionIsForAllRows) {
  const Golden golden = Golden::open("components/sana_controlnet");
  const models::SanaControlNetModel model = open(golden);
  const GoldenCase& c = golden.at("case_00");
  Context ctx = support::test_context();
  const Tensor one = c.input("controlnet_cond").slice(0, 1).clone();
  Tensor twice = c.input("controlnet_cond").clone();
  std::copy_n(one.data<float>(), one.numel(), twice.data_mut<float>() + one.numel());
  const auto shared = samples_of(model, c, model.encode_condition(one, ctx), 1, ctx);
  const auto each = samples_of(model, c, model.encode_condition(twice, ctx), 1, ctx);
  ASSERT_EQ(shared.size(), each.size());
  for (size_t i = 0; i < shared.size(); ++i) EXPECT_TRUE(support::close(shared[i], each[i].cpu(), 1e-5)) << i;
}

TEST(SanaControlNet, RefusesAPictureOfAnotherSize) {
  const Golden golden = Golden::open("components/sana_controlnet");
  const models::SanaControlNetModel model = open(golden);
  const GoldenCase& c = golden.at("case_00");
  Context ctx = support::test_context();
  const Tensor condition = model.encode_condition(Tensor::zeros({1, 8, 4, 5}, DType::kF32), ctx);
  try {
    (void)samples_of(model, c, condition, 1, ctx);
    FAIL() << "a condition of 20 tokens for latents of 24";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kShapeMismatch);
    EXPECT_NE(std::string(e.what()).find("[1, 20, 48]"), std::string::npos) << e.what();
  }
}

TEST(SanaControlNet, ItsConfigurationHasItsOwnDefaults) {
  const auto parse = [](const nlohmann::json& json) {
    return models::parse_sana_controlnet_config(io::Config(json, "config.json"));
  };
  EXPECT_EQ(parse({{"_class_name", "SanaControlNetModel"}}).num_layers, 7);
  EXPECT_EQ(models::SanaConfig::parse(io::Config(nlohmann::json::object(), "config.json")).num_layers, 20);
  try {
    (void)parse({{"_class_name", "SanaTransformer2DModel"}});
    FAIL() << "another class was taken";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUnsupported);
    EXPECT_NE(std::string(e.what()).find("SanaTransformer2DModel"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace swan

#include "models/sana_transformer.h"

#include "core/error.h"
#include "core/parallel.h"
#include "support/device.h"
#include "taps.h"

namespace swan {
namespace {

using support::Golden;
using support::GoldenCase;

models::SanaText text_of(const models::SanaTransformer2DModel& model, const GoldenCase& c, Context& ctx) {
  Tensor mask = c.input("encoder_attention_mask");
  if (mask.defined() && mask.rank() == 2) mask = mask.to(DType::kI32);
  return model.encode_text(c.input("encoder_hidden_states"), mask, ctx);
}

models::SanaCondition condition_of(const GoldenCase& c) {
  models::SanaCondition condition;
  condition.timestep = c.input("timestep").to(DType::kF32);
  condition.guidance = c.input("guidance");
  for (int i = 0; c.has("input.controlnet_block_samples." + std::to_string(i)); ++i)
    condition.controlnet_block_samples.push_back(c.input("controlnet_block_samples." + std::to_string(i)));
  return condition;
}

struct Component {
  const char* folder;
  double tolerance;  // fixtures/README.md
  size_t cases;
};

class SanaTransformer : public testing::TestWithParam<Component> {};

TEST_P(SanaTransformer, MatchesDiffusers) {
  const Golden golden = Golden::open(std::string("components/") + GetParam().folder);
  const auto weights = io::Weights::open(golden.path(), "diffusion_pytorch_model", "");
  const models::SanaTransformer2DModel model(models::SanaConfig::parse(io::Config::read(golden.config_path())),
                                             nn::Scope(weights));
  weights->finish();
  ASSERT_GE(golden.cases().size(), GetParam().cases);
  for (const auto& c : golden.cases()) {
    Context ctx = support::test_context();
    ctx.record_taps(true);
    const Tensor out = model.forward(c.input("hidden_states"), text_of(model, c, ctx), condition_of(c), ctx);
    EXPECT_TRUE(support::close(out, c.output("sample"), GetParam().tolerance)) << c.name << ": " << c.note;
    support::expect_taps(ctx, c, GetParam().tolerance);
  }
}

INSTANTIATE_TEST_SUITE_P(Components, SanaTransformer,
                         testing::Values(Component{"sana_transformer", 3e-5, 5},
                                         Component{"sana_transformer_p2_pos", 2e-5, 2},
                                         Component{"sana_transformer_sprint", 2e-5, 1}),
                         [](const auto& info) { return std::string(info.param.folder); });

// Perturbed-attention guidance: the last sample goes through block 1 with a self-attention to itself alone.
TEST(SanaTransformer2DModel, PerturbsTheLastSamplesAsDiffusersDoes) {
  for (const char* folder : {"sana_pag_cfg", "sana_pag_nocfg"}) {
    const Golden golden = Golden::open(std::string("components/") + folder);
    const auto weights = io::Weights::open(golden.path(), "diffusion_pytorch_model", "");
    const models::SanaTransformer2DModel model(models::SanaConfig::parse(io::Config::read(golden.config_path())),
                                               nn::Scope(weights));
    const GoldenCase& c = golden.at("case_00");
    Context ctx = support::test_context();
    ctx.record_taps(true);
    models::SanaCondition condition = condition_of(c);
    condition.perturbed = 1;
    condition.perturbed_blocks = {false, true, false, false};
    const Tensor out = model.forward(c.input("hidden_states"), text_of(model, c, ctx), condition, ctx);
    EXPECT_TRUE(support::close(out, c.output("sample"), 2e-5)) << folder;
    ASSERT_EQ(c.with_prefix("mid.").size(), 3U);
    support::expect_taps(ctx, c, 2e-5);
    EXPECT_FALSE(support::close(model.forward(c.input("hidden_states"), text_of(model, c, ctx), condition_of(c), ctx),
                                c.output("sample"), 1e-3))
        << "the fixture does not show it";
    // One must be left that is not.
    condition.perturbed = c.input("hidden_states").dim(0);
    EXPECT_THROW((void)model.forward(c.input("hidden_states"), text_of(model, c, ctx), condition, ctx), Error);
  }
}

TEST(SanaTransformer2DModel, DoesNotDependOnTheNumberOfThreads) {
  const Golden golden = Golden::open("components/sana_transformer");
  const auto weights = io::Weights::open(golden.path(), "diffusion_pytorch_model", "");
  const models::SanaTransformer2DModel model(models::SanaConfig::parse(io::Config::read(golden.config_path())),
                                             nn::Scope(weights));
  const GoldenCase& c = golden.at("case_00");
  Context ctx = support::test_context();
  set_num_threads(1);
  const Tensor one = model.forward(c.input("hidden_states"), text_of(model, c, ctx), condition_of(c), ctx);
  for (const int threads : {2, 5}) {
    set_num_threads(threads);
    EXPECT_TRUE(
        support::identical(model.forward(c.input("hidden_states"), text_of(model, c, ctx), condition_of(c), ctx), one))
        << threads;
  }
  set_num_threads(0);
}

TEST(SanaTransformer2DModel, NamesWhatDoesNotFit) {
  const Golden golden = Golden::open("components/sana_transformer");
  auto json = golden.config();
  json["num_layers"] = 5;
  json["caption_channels"] = 64;
  const auto weights = io::Weights::open(golden.path(), "diffusion_pytorch_model", "");
  const models::SanaTransformer2DModel model(models::SanaConfig::parse(io::Config(json, "config.json")),
                                             nn::Scope(weights));
  try {
    weights->finish();
    FAIL() << "a missing layer was not noticed";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kMissingTensor);
    EXPECT_NE(std::string(e.what()).find("transformer_blocks.4."), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace swan

#include "models/wan_transformer.h"

#include "core/error.h"
#include "core/generator.h"
#include "io/open_tensor_file.h"
#include "io/safetensors.h"
#include "support/device.h"
#include "support/gguf_writer.h"
#include "support/temp_dir.h"
#include "taps.h"

namespace swan {
namespace {

using support::Golden;

constexpr double kTolerance = 4e-5;  // fixtures/README.md

std::unique_ptr<models::WanTransformer3DModel> load(const Golden& golden) {
  const auto weights = io::Weights::open(golden.path(), "diffusion_pytorch_model", "");
  auto model = std::make_unique<models::WanTransformer3DModel>(
      models::WanConfig::parse(io::Config::read(golden.config_path())), nn::Scope(weights));
  weights->finish();
  return model;
}

TEST(WanTransformer3DModel, MatchesDiffusers) {
  const Golden golden = Golden::open("components/wan_transformer");
  const auto model = load(golden);
  ASSERT_GE(golden.cases().size(), 3U);
  for (const auto& c : golden.cases()) {
    Context ctx = support::test_context();
    ctx.record_taps(true);
    const models::WanText text = model->encode_text(c.input("encoder_hidden_states"), ctx);
    const Tensor out = model->forward(c.input("hidden_states"), c.input("timestep").to(DType::kF32), text, ctx);
    EXPECT_TRUE(support::close(out, c.output("sample"), kTolerance)) << c.name << ": " << c.note;
    support::expect_taps(ctx, c, kTolerance, {"rope.0", "rope.1"});  // tables; what they do shows in attn1
  }
}

// Weights that stay in the blocks of a GGUF file: what the same values as dense weights give, and not what others give.
TEST(WanTransformer3DModel, ComputesWithWeightsInBlocks) {
  if (support::test_context().device() != nullptr) GTEST_SKIP() << "weights stay in blocks on the host alone";
  const Golden golden = Golden::open("components/wan_transformer");
  const auto dense = io::SafetensorsFile::open(golden.weights_path());
  constexpr uint32_t kF32 = 0, kQ80 = 8;
  support::GgufWriter writer;
  std::map<std::string, Tensor> values;
  for (const auto& [name, entry] : dense->entries()) {
    const Tensor tensor = dense->tensor(name);
    const auto dims = entry.shape.dims();
    const bool blocks = entry.shape.rank() == 2 && entry.shape[1] % 32 == 0;
    values[name] = blocks ? tensor.clone() : tensor;
    writer.tensor(name, {dims.begin(), dims.end()}, blocks ? kQ80 : kF32,
                  blocks ? support::q8_0_blocks(values[name].data_mut<float>(), tensor.numel())
                         : std::string(static_cast<const char*>(tensor.raw()), tensor.nbytes()));
  }
  support::TempDir dir;
  io::write_safetensors(dir.file("values.safetensors"), values);
  const std::string gguf = dir.write("x.gguf", writer.finish());
  const auto& c = golden.cases()[0];
  const auto run = [&](const std::string& path, bool with_blocks) {
    const auto weights = io::Weights::of(io::open_tensor_file(path));
    const models::WanTransformer3DModel model(models::WanConfig::parse(io::Config::read(golden.config_path())),
                                              nn::Scope(weights).with_blocks(with_blocks));
    weights->finish();
    Context ctx = support::test_context();
    return model.forward(c.input("hidden_states"), c.input("timestep").to(DType::kF32),
                         model.encode_text(c.input("encoder_hidden_states"), ctx), ctx);
  };
  const Tensor expected = run(dir.file("values.safetensors"), false);
  EXPECT_TRUE(support::identical(run(gguf, true), expected));
  // Rounded to bf16, as they are where blocks are not kept, they give something else, and not much else.
  const support::Distance rounded = support::distance(run(gguf, false), expected);
  EXPECT_GT(rounded.relative_l2, 1e-5);
  EXPECT_LT(rounded.relative_l2, 1e-2);
}

// Rows of zeros are one row that weighs as much as all of them; case_02 is what the pipeline gives.
TEST(WanTransformer3DModel, KeepsOneOfTheRowsOfPadding) {
  const Golden golden = Golden::open("components/wan_transformer");
  const auto model = load(golden);
  Context ctx = support::test_context();
  const auto& c = golden.at("case_02");
  const models::WanText text = model->encode_text(c.input("encoder_hidden_states"), ctx);
  ASSERT_TRUE(text.bias.defined());
  EXPECT_LT(text.bias.dim(1), c.input("encoder_hidden_states").dim(1) / 2);
  EXPECT_EQ(text.blocks.at(0).key.dim(1), text.bias.dim(1));
}

TEST(WanTransformer3DModel, RefusesClipsThatDoNotFit) {
  const Golden golden = Golden::open("components/wan_transformer");
  const auto model = load(golden);
  Context ctx = support::test_context();
  const auto& c = golden.cases()[0];
  const models::WanText text = model->encode_text(c.input("encoder_hidden_states"), ctx);
  const auto code_of = [&](const Shape& shape) {
    try {
      (void)model->forward(Tensor::zeros(shape, DType::kF32), Tensor::full({shape[0]}, 1), text, ctx);
    } catch (const Error& e) {
      return e.code();
    }
    return ErrorCode::kInternal;
  };
  EXPECT_EQ(code_of({1, 8, 2, 5, 6}), ErrorCode::kShapeMismatch);     // 5 is no multiple of the patch
  EXPECT_EQ(code_of({1, 8, 70, 2, 2}), ErrorCode::kInvalidArgument);  // beyond rope_max_seq_len
}

TEST(WanConfig, RefusesWhatItCannotCompute) {
  const auto json = support::read_json(Golden::open("components/wan_transformer").config_path());
  const auto code_of = [](const nlohmann::json& j) {
    try {
      (void)models::WanConfig::parse(io::Config(j, "config.json"));
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("config.json"), std::string::npos) << e.what();
      return e.code();
    }
    return ErrorCode::kInternal;
  };
  for (const auto& [key, value] :
       std::map<std::string, nlohmann::json>{{"image_dim", 1280}, {"added_kv_proj_dim", 1536}, {"qk_norm", "layer"}}) {
    auto changed = json;
    changed[key] = value;
    EXPECT_EQ(code_of(changed), ErrorCode::kUnsupported) << key;
  }
  for (const auto& [key, value] : std::map<std::string, nlohmann::json>{
           {"attention_head_dim", 25}, {"patch_size", {1, 2}}, {"patch_size", {0, 2, 2}}, {"num_layers", -1}}) {
    auto changed = json;
    changed[key] = value;
    EXPECT_EQ(code_of(changed), ErrorCode::kCorruptFile) << key;
  }
}

}  // namespace
}  // namespace swan

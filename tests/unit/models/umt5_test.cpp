#include "models/umt5.h"

#include "core/error.h"
#include "support/device.h"
#include "taps.h"

namespace swan {
namespace {

using support::Golden;

constexpr double kTolerance = 5e-5;  // fixtures/README.md: 20 times the reference's own error

std::unique_ptr<models::UMT5EncoderModel> load(const Golden& golden) {
  const auto weights = io::Weights::open(golden.path(), "model", "");
  auto model = std::make_unique<models::UMT5EncoderModel>(
      models::UMT5Config::parse(io::Config::read(golden.config_path())), nn::Scope(weights));
  weights->finish();
  return model;
}

TEST(UMT5EncoderModel, MatchesTransformers) {
  const Golden golden = Golden::open("components/umt5");
  const auto model = load(golden);
  ASSERT_GE(golden.cases().size(), 3U);
  for (const auto& c : golden.cases()) {
    Context ctx = support::test_context();
    ctx.record_taps(true);
    const Tensor ids = c.input("input_ids").to(DType::kI32), mask = c.input("attention_mask").to(DType::kI32);
    const Tensor out = model->forward(ids, mask, ctx);
    EXPECT_TRUE(support::close(out, c.output("last_hidden_state"), kTolerance)) << c.name << ": " << c.note;
    support::expect_taps(ctx, c, kTolerance);
  }
}

// The pipeline encodes each text in its own length: the tokens' rows are those of the padded text.
TEST(UMT5EncoderModel, EncodesTextsWithoutTheirPadding) {
  const Golden golden = Golden::open("components/umt5");
  const auto model = load(golden);
  Context ctx = support::test_context();
  for (const auto& c : golden.cases()) {
    const Tensor ids = c.input("input_ids").to(DType::kI32), mask = c.input("attention_mask").to(DType::kI32);
    const Tensor expected = c.output("last_hidden_state");
    const int64_t length = ids.dim(1), dim = expected.dim(2);
    std::vector<Tensor> texts;
    std::vector<int64_t> lengths;
    for (int64_t b = 0; b < ids.dim(0); ++b) {
      const auto* row = mask.data<int32_t>() + b * length;
      lengths.push_back(std::count(row, row + length, 1));
      texts.push_back(ids.slice(b, b + 1).reshape({length}).slice(0, lengths.back()).reshape({1, lengths.back()}));
    }
    const std::vector<Tensor> out = model->encode(texts, ctx);
    ASSERT_EQ(out.size(), texts.size());
    for (size_t b = 0; b < out.size(); ++b) {
      const auto at = static_cast<int64_t>(b);
      const Tensor rows = expected.slice(at, at + 1).reshape({length, dim}).slice(0, lengths[b]);
      EXPECT_TRUE(support::close(out[b].reshape({lengths[b], dim}), rows, kTolerance)) << c.name << ", text " << b;
      EXPECT_TRUE(support::close(out[b], model->encode(std::span(&texts[b], 1), ctx)[0], 0)) << "depends on the others";
    }
  }
}

TEST(UMT5Config, RefusesWhatItCannotCompute) {
  const auto json = support::read_json(Golden::open("components/umt5").config_path());
  const auto code_of = [](const nlohmann::json& j) {
    try {
      (void)models::UMT5Config::parse(io::Config(j, "config.json"));
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("config.json"), std::string::npos) << e.what();
      return e.code();
    }
    return ErrorCode::kInternal;
  };
  auto changed = json;
  changed["feed_forward_proj"] = "relu";
  EXPECT_EQ(code_of(changed), ErrorCode::kUnsupported);
  for (const auto& [key, value] : std::map<std::string, int64_t>{
           {"relative_attention_num_buckets", 30}, {"relative_attention_max_distance", 8}, {"num_layers", 0}}) {
    changed = json;
    changed[key] = value;
    EXPECT_EQ(code_of(changed), ErrorCode::kCorruptFile) << key;
  }
  changed = json;
  changed.erase("d_model");
  EXPECT_EQ(code_of(changed), ErrorCode::kCorruptFile);
}

}  // namespace
}  // namespace swan

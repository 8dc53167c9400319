#include "models/gemma2.h"

#include "core/error.h"
#include "support/device.h"
#include "taps.h"

namespace swan {
namespace {

using support::Golden;

constexpr double kTolerance = 2e-4;  // fixtures/README.md: 20 times the reference's own error

TEST(Gemma2Model, MatchesTransformers) {
  const Golden golden = Golden::open("components/gemma2");
  const auto weights = io::Weights::open(golden.path(), "model", "");
  const models::Gemma2Model model(models::Gemma2Config::parse(io::Config::read(golden.config_path())),
                                  nn::Scope(weights));
  weights->finish();
  ASSERT_GE(golden.cases().size(), 3U);
  for (const auto& c : golden.cases()) {
    Context ctx = support::test_context();
    ctx.record_taps(true);
    const Tensor ids = c.input("input_ids").to(DType::kI32);
    const Tensor mask = c.input("attention_mask").to(DType::kI32);
    const Tensor out = model.forward(ids, mask, ctx);
    EXPECT_TRUE(support::close(out, c.output("last_hidden_state"), kTolerance)) << c.name << ": " << c.note;
    // The probabilities, the second value of the reference's attention, exist here only a block at a time.
    support::expect_taps(ctx, c, kTolerance, {"layers.0.self_attn.1"});
  }
}

TEST(Gemma2Model, StopsWhenCancelled) {
  const Golden golden = Golden::open("components/gemma2");
  const auto weights = io::Weights::open(golden.path(), "model", "");
  const models::Gemma2Model model(models::Gemma2Config::parse(io::Config::read(golden.config_path())),
                                  nn::Scope(weights));
  const std::atomic<bool> cancel{true};
  Context ctx = support::test_context(&cancel);
  const auto& c = golden.cases()[0];
  try {
    (void)model.forward(c.input("input_ids").to(DType::kI32), c.input("attention_mask").to(DType::kI32), ctx);
    FAIL() << "not cancelled";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kCancelled);
  }
}

TEST(Gemma2Config, RefusesWhatItCannotCompute) {
  auto json = support::read_json(Golden::open("components/gemma2").config_path());
  const auto code_of = [](const nlohmann::json& j) {
    try {
      (void)models::Gemma2Config::parse(io::Config(j, "config.json"));
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("config.json"), std::string::npos) << e.what();
      return e.code();
    }
    return ErrorCode::kInternal;
  };
  auto changed = json;
  changed["hidden_activation"] = "silu";
  EXPECT_EQ(code_of(changed), ErrorCode::kUnsupported);
  changed = json;
  changed["num_key_value_heads"] = 3;
  EXPECT_EQ(code_of(changed), ErrorCode::kCorruptFile);
  changed = json;
  changed["layer_types"] = {"full_attention"};
  EXPECT_EQ(code_of(changed), ErrorCode::kCorruptFile);
  changed = json;
  changed.erase("vocab_size");
  EXPECT_EQ(code_of(changed), ErrorCode::kCorruptFile);
}

}  // namespace
}  // namespace swan

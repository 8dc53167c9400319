#include "models/autoencoder_kl_wan.h"

#include "core/error.h"
#include "support/device.h"
#include "taps.h"

namespace swan {
namespace {

using models::AutoencoderKLWan;
using support::Golden;

constexpr double kTolerance = 1e-4;  // fixtures/README.md

std::unique_ptr<AutoencoderKLWan> load(const Golden& golden,
                                       AutoencoderKLWan::Halves halves = AutoencoderKLWan::Halves::kBoth) {
  const auto weights = io::Weights::open(golden.path(), "diffusion_pytorch_model", "");
  auto vae = std::make_unique<AutoencoderKLWan>(
      models::AutoencoderKLWanConfig::parse(io::Config::read(golden.config_path())), weights, std::nullopt, halves);
  weights->finish();
  return vae;
}

TEST(AutoencoderKLWan, MatchesDiffusers) {
  const Golden golden = Golden::open("components/wan_vae");
  int decoded = 0, encoded = 0, tiled = 0;
  for (const auto& c : golden.cases()) {
    const auto vae = load(golden);
    if (c.params.contains("tiling")) {
      const auto& t = c.params["tiling"];
      vae->enable_tiling({.tile_sample_min_height = t.at("tile_sample_min_height"),
                          .tile_sample_min_width = t.at("tile_sample_min_width"),
                          .tile_sample_stride_height = t.at("tile_sample_stride_height"),
                          .tile_sample_stride_width = t.at("tile_sample_stride_width")});
      ++tiled;
    }
    Context ctx = support::test_context();
    ctx.record_taps(!c.params.contains("tiling"));
    if (const Tensor z = c.input("z"); z.defined()) {
      EXPECT_TRUE(support::close(vae->decode(z, ctx), c.output("sample"), kTolerance)) << c.name << ": " << c.note;
      ++decoded;
    } else {
      const Tensor parameters = vae->encode(c.input("x"), ctx);
      EXPECT_TRUE(support::close(parameters, c.output("parameters"), kTolerance)) << c.name << ": " << c.note;
      ++encoded;
    }
    support::expect_taps(ctx, c, kTolerance);
  }
  EXPECT_GE(decoded, 4);
  EXPECT_GE(encoded, 3);
  EXPECT_EQ(tiled, 2);
}

// Block by block, as taps are recorded, and frame by frame are the same sums.
TEST(AutoencoderKLWan, HandsOverFramesAsTheyAreDone) {
  const Golden golden = Golden::open("components/wan_vae");
  const auto vae = load(golden, AutoencoderKLWan::Halves::kDecoder);
  const auto& c = golden.at("case_01");
  Context ctx = support::test_context();
  const Tensor whole = vae->decode(c.input("z"), ctx);
  Context recording = support::test_context();
  recording.record_taps(true);
  EXPECT_TRUE(support::close(vae->decode(c.input("z"), recording), whole, 0));
  std::vector<Tensor> frames;
  vae->decode(
      c.input("z"), [&](const Tensor& frame) { frames.push_back(frame); }, ctx);
  ASSERT_EQ(static_cast<int64_t>(frames.size()), whole.dim(2));
  EXPECT_EQ(frames[0].shape(), (Shape{1, 3, whole.dim(3), whole.dim(4)}));
  // What the frame's receiver throws ends the decoding.
  int seen = 0;
  EXPECT_THROW(vae->decode(
                   c.input("z"),
                   [&](const Tensor&) {
                     if (++seen == 2) throw std::runtime_error("enough");
                   },
                   ctx),
               std::runtime_error);
  EXPECT_EQ(seen, 2);
}

TEST(AutoencoderKLWan, RefusesClipsThatDoNotFit) {
  const Golden golden = Golden::open("components/wan_vae");
  const auto vae = load(golden);
  Context ctx = support::test_context();
  for (const Shape& shape :
       {Shape{1, 3, 4, 32, 32}, Shape{1, 3, 5, 30, 32}, Shape{1, 4, 5, 32, 32}, Shape{3, 5, 32, 32}})
    EXPECT_THROW((void)vae->encode(Tensor::zeros(shape, DType::kF32), ctx), Error) << shape.str();
  for (const Shape& shape : {Shape{1, 7, 1, 4, 4}, Shape{1, 8, 4, 4}})
    EXPECT_THROW((void)vae->decode(Tensor::zeros(shape, DType::kF32), ctx), Error) << shape.str();
}

TEST(AutoencoderKLWanConfig, RefusesWhatItCannotCompute) {
  const auto json = support::read_json(Golden::open("components/wan_vae").config_path());
  const auto code_of = [](const nlohmann::json& j) {
    try {
      (void)models::AutoencoderKLWanConfig::parse(io::Config(j, "config.json"));
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("config.json"), std::string::npos) << e.what();
      return e.code();
    }
    return ErrorCode::kInternal;
  };
  for (const auto& [key, value] :
       std::map<std::string, nlohmann::json>{{"is_residual", true}, {"patch_size", 2}, {"attn_scales", {0.5}}}) {
    auto changed = json;
    changed[key] = value;
    EXPECT_EQ(code_of(changed), ErrorCode::kUnsupported) << key;
  }
  for (const auto& [key, value] : std::map<std::string, nlohmann::json>{{"latents_mean", {1.0}},
                                                                        {"latents_std", {0.0}},
                                                                        {"dim_mult", {1}},
                                                                        {"temperal_downsample", {true}},
                                                                        {"scale_factor_spatial", 16},
                                                                        {"z_dim", 0}}) {
    auto changed = json;
    changed[key] = value;
    EXPECT_EQ(code_of(changed), ErrorCode::kCorruptFile) << key;
  }
}

}  // namespace
}  // namespace swan

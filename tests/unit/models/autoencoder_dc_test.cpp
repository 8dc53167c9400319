#include "models/autoencoder_dc.h"

#include "core/error.h"
#include "support/device.h"
#include "taps.h"

namespace swan {
namespace {

using models::AutoencoderDC;
using support::Golden;

std::unique_ptr<AutoencoderDC> load(const Golden& golden) {
  const auto weights = io::Weights::open(golden.path(), "diffusion_pytorch_model", "");
  auto vae = std::make_unique<AutoencoderDC>(models::AutoencoderDCConfig::parse(io::Config::read(golden.config_path())),
                                             weights, std::nullopt, AutoencoderDC::Halves::kBoth);
  weights->finish();
  return vae;
}

models::Tiling tiling_of(const nlohmann::json& json) {
  return {.tile_sample_min_height = json.at("tile_sample_min_height"),
          .tile_sample_min_width = json.at("tile_sample_min_width"),
          .tile_sample_stride_height = json.at("tile_sample_stride_height"),
          .tile_sample_stride_width = json.at("tile_sample_stride_width")};
}

struct Component {
  const char* folder;
  double tolerance;  // fixtures/README.md
  size_t cases;
};

class AutoencoderDCTest : public testing::TestWithParam<Component> {};

TEST_P(AutoencoderDCTest, MatchesDiffusers) {
  const Golden golden = Golden::open(std::string("components/") + GetParam().folder);
  ASSERT_GE(golden.cases().size(), GetParam().cases);
  int decoded = 0, encoded = 0, tiled = 0;
  for (const auto& c : golden.cases()) {
    const auto vae = load(golden);
    if (c.params.contains("tiling")) {
      vae->enable_tiling(tiling_of(c.params["tiling"]));
      ++tiled;
    }
    Context ctx = support::test_context();
    ctx.record_taps(true);
    // Large results of cases that are there for their activations are not kept.
    if (const Tensor z = c.input("z"); z.defined()) {
      const Tensor out = vae->decode(z, ctx);
      if (c.output("sample").defined()) {
        EXPECT_TRUE(support::close(out, c.output("sample"), GetParam().tolerance)) << c.name << ": " << c.note;
      } else {
        EXPECT_FALSE(c.with_prefix("mid.").empty()) << c.name;
      }
      ++decoded;
    } else {
      EXPECT_TRUE(support::close(vae->encode(c.input("x"), ctx), c.output("latent"), GetParam().tolerance))
          << c.name << ": " << c.note;
      ++encoded;
    }
    support::expect_taps(ctx, c, GetParam().tolerance);
  }
  EXPECT_GT(decoded, 0);
  EXPECT_GT(encoded, 0);
  EXPECT_EQ(tiled, std::string(GetParam().folder) == "dcae_f32" ? 2 : 0);
}

INSTANTIATE_TEST_SUITE_P(Components, AutoencoderDCTest,
                         testing::Values(Component{"dcae_f32", 2e-4, 6}, Component{"dcae_shuffle", 4e-5, 2}),
                         [](const auto& info) { return std::string(info.param.folder); });

// A half that is not asked for is neither loaded nor missed.
TEST(AutoencoderDC, LoadsOneHalf) {
  const Golden golden = Golden::open("components/dcae_f32");
  const auto weights = io::Weights::open(golden.path(), "diffusion_pytorch_model", "");
  const AutoencoderDC vae(models::AutoencoderDCConfig::parse(io::Config::read(golden.config_path())), weights,
                          std::nullopt, AutoencoderDC::Halves::kDecoder);
  weights->finish();
  Context ctx = support::test_context();
  const auto& c = golden.at("case_02");
  EXPECT_TRUE(support::close(vae.decode(c.input("z"), ctx), c.output("sample"), 2e-4));
}

}  // namespace
}  // namespace swan

#include "models/autoencoder_dc.h"

#include <atomic>

#include "core/allocator.h"
#include "core/error.h"
#include "core/generator.h"
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

struct PartsCase {
  const char* folder;
  int64_t channels, batch, height, width;  // of the latents
};

// The resolutions above those with attention, computed part by part: interpolated and shuffled pixels, with blocks at
// the finest resolution and without.
class AutoencoderDCInParts : public testing::TestWithParam<PartsCase> {};

TEST_P(AutoencoderDCInParts, DecodesWhatTheWholeGives) {
  const auto [folder, channels, batch, height, width] = GetParam();
  const auto vae = load(Golden::open(std::string("components/") + folder));
  std::atomic<bool> cancel{false};
  Context ctx = support::test_context(&cancel);
  const Tensor z = Generator(11).randn({batch, channels, height, width});
  const Tensor whole = vae->decode(z, ctx);
  for (const int64_t part_bytes : {int64_t{1}, int64_t{200'000}}) {
    vae->set_decode_limits({.whole_bytes = 1, .part_bytes = part_bytes});
    const Tensor parts = vae->decode(z, ctx);
    if (ctx.device() == nullptr) {
      EXPECT_TRUE(support::identical(parts, whole)) << part_bytes;
    } else {
      EXPECT_TRUE(support::close(parts, whole, 1e-5)) << part_bytes;
    }
  }
  // Only one resolution is too large to be whole.
  vae->set_decode_limits({.whole_bytes = batch * height * width * 100 * 8, .part_bytes = 1});
  EXPECT_TRUE(support::close(vae->decode(z, ctx), whole, 1e-5));
  cancel = true;
  EXPECT_ANY_THROW((void)vae->decode(z, ctx));
}

INSTANTIATE_TEST_SUITE_P(Shapes, AutoencoderDCInParts,
                         testing::Values(PartsCase{"dcae_f32", 8, 1, 6, 3}, PartsCase{"dcae_f32", 8, 2, 9, 2},
                                         PartsCase{"dcae_f32", 8, 1, 1, 5}, PartsCase{"dcae_shuffle", 6, 1, 40, 3},
                                         PartsCase{"dcae_shuffle", 6, 2, 37, 5},
                                         PartsCase{"dcae_shuffle", 6, 1, 3, 1}));

// Taller pictures take more for the picture and for the resolutions that are whole, not for the finest ones.
TEST(AutoencoderDC, DecodesTallPicturesInPartsWithinLittleMemory) {
  const auto vae = load(Golden::open("components/dcae_f32"));
  Context ctx = support::test_context();
  if (ctx.device() != nullptr) GTEST_SKIP() << "counts the host's allocations";
  const Tensor z = Generator(2).randn({1, 8, 96, 4});  // 3072 x 128 pixels
  const auto peak = [&](const models::DecodeLimits& limits) {
    vae->set_decode_limits(limits);
    CachingAllocator& allocator = CachingAllocator::cpu();
    allocator.trim();
    allocator.reset_peak();
    const auto before = static_cast<int64_t>(allocator.stats().in_use);
    (void)vae->decode(z, ctx);
    return static_cast<int64_t>(allocator.stats().peak) - before;
  };
  (void)vae->decode(z, ctx);                           // packs weights
  const int64_t finest = int64_t{3072} * 128 * 8 * 4;  // bytes of an activation; the picture itself takes 3/8 of it
  EXPECT_GT(peak({}), 5 * finest);
  EXPECT_LT(peak({.whole_bytes = 1 << 20, .part_bytes = 1 << 20}), 2 * finest) << "a block's input and output alone";
}

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

// Checkpoints of 4096 x 4096 pixels: latents of 128 x 128 with interpolated position embeddings, and pictures that a
// decoder makes within a bounded working set.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/allocator.h"
#include "support/close.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "swan/pipeline.h"

namespace swan {
namespace {

namespace fs = std::filesystem;

// The tiny Sana of the fixtures with what its 4K checkpoints have in their config.json.
class Sana4K : public testing::Test {
 protected:
  Sana4K() {
    fs::copy(support::golden_path("models/sana"), dir_.path(), fs::copy_options::recursive);
    configure(128, 2.0);
  }
  void configure(int64_t sample_size, const nlohmann::json& interpolation_scale) {
    nlohmann::json config = support::read_json(support::golden_path("models/sana/transformer/config.json"));
    config["sample_size"] = sample_size;
    config["interpolation_scale"] = interpolation_scale;
    (void)dir_.write("transformer/config.json", config.dump());
  }
  [[nodiscard]] std::unique_ptr<ImagePipeline> open() const { return ImagePipeline::open(dir_.path()); }
  static ImageRequest quick() {
    ImageRequest r;
    r.prompt = {"a lighthouse"};
    r.num_inference_steps = 1;
    r.guidance_scale = 1;
    r.decode = false;
    return r;
  }

  support::TempDir dir_;
};

TEST_F(Sana4K, DrawsAtFullSize) {
  const auto pipeline = open();
  EXPECT_EQ(pipeline->default_size(), 4096);
  ImageRequest r = quick();
  r.decode = true;
  CachingAllocator& allocator = CachingAllocator::cpu();
  allocator.trim();
  allocator.reset_peak();
  const ImageResult result = pipeline->generate(r);
  EXPECT_EQ(result.latents.shape(), (Shape{1, 8, 128, 128}));
  ASSERT_EQ(result.images.size(), 1U);
  EXPECT_EQ(result.images[0].width, 4096);
  EXPECT_EQ(result.images[0].rgb.size(), size_t{3} * 4096 * 4096);
  // The finest activations of 8 channels are 512 MiB: two of them and the picture in f32.
  EXPECT_LT(allocator.stats().peak, size_t{3} * 512 << 20);
  const nlohmann::json settings = nlohmann::json::parse(result.parameters[0]);
  EXPECT_EQ(settings.at("height"), 4096);
}

TEST_F(Sana4K, BinsAreThoseOfItsSize) {
  const auto pipeline = open();
  ImageRequest r = quick();
  r.height = 2160;
  r.width = 3840;  // 0.5625, to which 0.57 is nearest: 3072 x 5376
  EXPECT_EQ(pipeline->generate(r).latents.shape(), (Shape{1, 8, 96, 168}));
  configure(64, 1.0);
  const auto pipeline_2k = open();
  EXPECT_EQ(pipeline_2k->default_size(), 2048);
  EXPECT_EQ(pipeline_2k->generate(r).latents.shape(), (Shape{1, 8, 48, 84}));
}

// Positions are told apart by the embedding, which scales with the size that the model was trained at.
TEST_F(Sana4K, PositionsCount) {
  ImageRequest r = quick();
  r.height = r.width = 256;
  r.use_resolution_binning = false;
  const Tensor scaled = open()->generate(r).latents;
  configure(128, 1.0);
  const Tensor plain = open()->generate(r).latents;
  configure(128, nullptr);
  const Tensor none = open()->generate(r).latents;
  EXPECT_FALSE(support::identical(scaled, plain));
  EXPECT_FALSE(support::identical(scaled, none));
  configure(128, -1);
  EXPECT_ANY_THROW((void)open());
}

}  // namespace
}  // namespace swan

// Pictures that start from a picture, with and without a mask, of base Sana and of Sana-Sprint.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/generator.h"
#include "io/config.h"
#include "models/autoencoder_dc.h"
#include "models/sana_transformer.h"
#include "pipelines/image_processor.h"
#include "pipelines/inpainting.h"
#include "support/close.h"
#include "support/device.h"
#include "support/expect_error.h"
#include "support/golden.h"
#include "swan/error.h"
#include "swan/pipeline.h"

namespace swan {
namespace {

constexpr int64_t kHeight = 64, kWidth = 96;

Image gradient(int64_t width = kWidth, int64_t height = kHeight) {
  Image image{width, height, {}};
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x)
      for (const int64_t value : {x * 2, y * 3, x + y}) image.rgb.push_back(static_cast<uint8_t>(value % 256));
  return image;
}

Image filled(uint8_t level) { return {kWidth, kHeight, std::vector<uint8_t>(3 * kWidth * kHeight, level)}; }

// White from this column on.
Image white_from(int64_t column) {
  Image mask = filled(0);
  for (int64_t i = 0; i < kWidth * kHeight; ++i)
    if (i % kWidth >= column) std::fill_n(mask.rgb.begin() + 3 * i, 3, uint8_t{255});
  return mask;
}

ImageRequest quick() {
  ImageRequest r;
  r.prompt = {"a red cat"};
  r.height = kHeight;
  r.width = kWidth;
  r.num_inference_steps = 4;
  r.use_resolution_binning = false;
  r.seed = {7};
  r.image = gradient();
  return r;
}

template <typename Change>
ImageRequest with(const Change& change) {
  ImageRequest r = quick();
  change(r);
  return r;
}

class SanaStart : public testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<ImagePipeline> pipeline_ = ImagePipeline::open(support::golden_path(GetParam()));
};
INSTANTIATE_TEST_SUITE_P(Models, SanaStart, testing::Values("models/sana", "models/sana_sprint"),
                         [](const auto& info) { return std::string(info.param).substr(7); });

TEST_P(SanaStart, StrengthShortensTheRun) {
  for (const auto& [strength, taken] : {std::pair(1.0, 4), {0.6, 3}, {0.5, 2}, {0.1, 1}}) {
    int steps = 0, last = 0;
    Callbacks callbacks;
    callbacks.progress = [&](const std::string& stage, int done, int total) {
      if (stage != "denoise") return;
      last = done;
      steps = total;
    };
    ImageRequest r = quick();
    r.strength = strength;
    const ImageResult result = pipeline_->generate(r, callbacks);
    EXPECT_EQ(steps, taken) << strength;
    EXPECT_EQ(last, taken);
    EXPECT_EQ(nlohmann::json::parse(result.parameters[0]).at("strength"), strength);
  }
  const Tensor standard = pipeline_->generate(quick()).latents;
  EXPECT_TRUE(
      support::identical(pipeline_->generate(with([](ImageRequest& r) { r.strength = 0.6; })).latents, standard));
  EXPECT_FALSE(
      support::identical(pipeline_->generate(with([](ImageRequest& r) { r.image->rgb[0] = 255; })).latents, standard));
}

TEST_P(SanaStart, MasksThatAreWhiteOrBlack) {
  const ImageResult plain = pipeline_->generate(quick());
  const ImageResult white = pipeline_->generate(with([](ImageRequest& r) { r.mask = filled(255); }));
  EXPECT_TRUE(support::identical(white.latents, plain.latents));
  EXPECT_EQ(white.images[0].rgb, plain.images[0].rgb);
  const ImageResult black = pipeline_->generate(with([](ImageRequest& r) { r.mask = filled(0); }));
  EXPECT_EQ(black.images[0].rgb, gradient().rgb) << "nothing is drawn";
}

TEST_P(SanaStart, AMaskKeepsItsBlackPixelsAndDrawsTheOthers) {
  const ImageRequest r = with([](ImageRequest& q) {
    q.mask = white_from(40);  // within the second latent of three
    q.num_images_per_prompt = 2;
  });
  const ImageResult result = pipeline_->generate(r);
  ASSERT_EQ(result.images.size(), 2U);
  const Image start = gradient();
  for (const Image& image : result.images) {
    size_t kept = 0, changed = 0;
    for (size_t i = 0; i < image.rgb.size(); ++i)
      (static_cast<int64_t>(i / 3) % kWidth < 40 ? kept : changed) += image.rgb[i] != start.rgb[i];
    EXPECT_EQ(kept, 0U);
    EXPECT_GT(changed, image.rgb.size() / 4);
  }
  EXPECT_NE(result.images[0].rgb, result.images[1].rgb);
  EXPECT_TRUE(support::identical(pipeline_->generate(r).latents, result.latents)) << "the same again";
  // Latents that the mask does not touch end as the picture's, whatever the seed; those that it does are drawn.
  const Tensor black = pipeline_->generate(with([](ImageRequest& q) { q.mask = filled(0); })).latents;
  const int64_t channels = black.dim(1), width = black.dim(3), height = black.dim(2);
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t y = 0; y < height; ++y)
      for (int64_t x = 0; x < width; ++x) {
        const int64_t at = (c * height + y) * width + x;
        EXPECT_EQ(result.latents.data<float>()[at] == black.data<float>()[at], x == 0) << c << " " << y << " " << x;
      }
}

TEST_P(SanaStart, RefusesWhatCannotBeMade) {
  const auto wrong = [&](const auto& change, const std::string& text) {
    expect_error(ErrorCode::kInvalidArgument, {text}, [&] { (void)pipeline_->generate(with(change)); });
  };
  wrong([](ImageRequest& r) { r.mask = Image{5, 3, std::vector<uint8_t>(45, 255)}; }, "the mask has 5 x 3");
  wrong(
      [](ImageRequest& r) {
        r.image.reset();
        r.mask = filled(255);
      },
      "a mask is given, but no picture");
  wrong(
      [](ImageRequest& r) {
        r.image.reset();
        r.strength = 0.5;
      },
      "no picture to start from");
  wrong([](ImageRequest& r) { r.strength = NAN; }, "0 to 1");
  wrong([](ImageRequest& r) { r.strength = 0; }, "leaves none of 4 steps");
  wrong([](ImageRequest& r) { r.latents = Tensor::zeros({1, 8, 2, 3}, DType::kF32); }, "give one of them");
}

TEST_P(SanaStart, SettingsSayWhatCannotBeRepeated) {
  const ImageRequest r = with([](ImageRequest& q) { q.mask = white_from(10); });
  const ImageResult result = pipeline_->generate(r);
  nlohmann::json settings = nlohmann::json::parse(result.parameters[0]);
  const auto repeat = [&] { return request_from_parameters(settings.dump()); };
  expect_error(ErrorCode::kInvalidArgument, {"--image"}, repeat);
  settings.erase("image");
  expect_error(ErrorCode::kInvalidArgument, {"--mask"}, repeat);
  settings.erase("mask");
  RepeatableRequest again = repeat();
  again.request.image = r.image;
  again.request.mask = r.mask;
  EXPECT_EQ(pipeline_->generate(again.request).images[0].rgb, result.images[0].rgb);
}

// A flow begins with noise alone, so that at full strength nothing of the picture is left.
TEST(SanaStartFlow, FullStrengthIsTextToImage) {
  const auto pipeline = ImagePipeline::open(support::golden_path("models/sana"));
  ImageRequest r = quick();
  r.scheduler = "flow-euler";
  r.strength = 1;
  const Tensor from_picture = pipeline->generate(r).latents;
  r.image.reset();
  r.strength.reset();
  EXPECT_TRUE(support::close(from_picture, pipeline->generate(r).latents, 1e-5));
}

// One step computed from its parts: the encoder's latents with the noise of the point that is left, the network's
// velocity there, and Euler's step from it to the end.
TEST(SanaStartFlow, ItsLastStepIsWhatTheFlowSays) {
  const std::string model = support::golden_path("models/sana");
  const auto pipeline = ImagePipeline::open(model);
  ImageRequest r = quick();
  r.scheduler = "flow-euler";
  r.flow_shift = 1;
  r.strength = 0.25;  // one step of four
  r.guidance_scale = 1;
  r.complex_human_instruction = std::vector<std::string>{};
  const Tensor found = pipeline->generate(r).latents;

  Context ctx = support::test_context();
  const auto vae_config = models::AutoencoderDCConfig::parse(io::Config::read(model + "/vae/config.json"));
  const models::AutoencoderDC vae(vae_config, io::Weights::open(model + "/vae", "diffusion_pytorch_model", ""), {},
                                  models::AutoencoderDC::Halves::kEncoder);
  const auto config = models::SanaConfig::parse(io::Config::read(model + "/transformer/config.json"));
  const models::SanaTransformer2DModel transformer(
      config, nn::Scope(io::Weights::open(model + "/transformer", "diffusion_pytorch_model", "")));
  const Tensor z = vae.encode(pipelines::to_tensor(gradient(), {kHeight, kWidth}), ctx).cpu();
  const Tensor noise = Generator(7).randn(z.shape());
  // Of four steps from 1 to 1 / 1000 in timesteps the last is at the end: sigma 0.001.
  constexpr float kSigma = 0.001F;
  Tensor x = Tensor::empty(z.shape(), DType::kF32);
  for (int64_t i = 0; i < x.numel(); ++i)
    x.data_mut<float>()[i] = (1 - kSigma) * z.data<float>()[i] * static_cast<float>(vae_config.scaling_factor) +
                             kSigma * noise.data<float>()[i];
  const PromptEmbeddings text = pipeline->embed(r);
  const models::SanaCondition condition = {
      .timestep = Tensor::full({1}, kSigma * 1000), .guidance = {}, .controlnet_block_samples = {}};
  const Tensor velocity =
      transformer.forward(x, transformer.encode_text(text.embeds, text.attention_mask, ctx), condition, ctx).cpu();
  for (int64_t i = 0; i < x.numel(); ++i) x.data_mut<float>()[i] -= kSigma * velocity.data<float>()[i];
  EXPECT_TRUE(support::close(found, x, 1e-4));
}

TEST(SanaStartFlow, AControlNetAndAPictureDoNotGoTogether) {
  const auto pipeline = ImagePipeline::open(support::golden_path("models/sana_controlnet"));
  ImageRequest r = quick();
  r.control_image = gradient();
  expect_error(ErrorCode::kUnsupported, {"do not go together"}, [&] { (void)pipeline->generate(r); });
}

TEST(PixelMask, CoversEveryLatentThatItTouches) {
  Image mask{8, 8, std::vector<uint8_t>(192, 0)};
  mask.rgb[(3 * 8 + 6) * 3] = mask.rgb[(3 * 8 + 6) * 3 + 1] = mask.rgb[(3 * 8 + 6) * 3 + 2] = 128;  // one pixel
  mask.rgb[0] = mask.rgb[1] = mask.rgb[2] = 127;                                                    // too dark
  const pipelines::PixelMask pixels(mask, {8, 8});
  const Tensor latents = pixels.latent_mask({2, 3, 2, 2});
  for (int64_t i = 0; i < latents.numel(); ++i) EXPECT_EQ(latents.data<float>()[i], i % 4 == 1 ? 1 : 0) << i;
  Image made{8, 8, std::vector<uint8_t>(192, 200)};
  const Image original{8, 8, std::vector<uint8_t>(192, 100)};
  pixels.restore(made, original);
  EXPECT_EQ(made.rgb[3], 100);
  EXPECT_EQ(made.rgb[(3 * 8 + 6) * 3], 150);  // half of each
  EXPECT_EQ(made.rgb[0], 150);
  // Luma, as of a mask in colours: blue is dark.
  const Image blue{1, 1, {0, 0, 255}}, yellow{1, 1, {255, 255, 0}};
  EXPECT_EQ(pipelines::PixelMask(blue, {1, 1}).latent_mask({1, 1, 1, 1}).data<float>()[0], 0);
  EXPECT_EQ(pipelines::PixelMask(yellow, {1, 1}).latent_mask({1, 1, 1, 1}).data<float>()[0], 1);
}

}  // namespace
}  // namespace swan

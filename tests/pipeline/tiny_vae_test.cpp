// Other decoders in the place of a repository's: of its kind from another folder, and tiny ones from a file.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/generator.h"
#include "io/config.h"
#include "io/safetensors.h"
#include "models/autoencoder_dc.h"
#include "models/autoencoder_tiny.h"
#include "pipeline/tiny_requests.h"
#include "pipelines/image_processor.h"
#include "support/close.h"
#include "support/device.h"
#include "support/expect_error.h"
#include "support/golden.h"
#include "support/picture.h"
#include "support/temp_dir.h"
#include "support/tiny_decoder.h"
#include "swan/file_info.h"
#include "swan/pipeline.h"
#include "swan/video_pipeline.h"

namespace swan {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kSanaLatents = 8;  // of the tiny repositories

std::string sana() { return support::golden_path("models/sana"); }
std::string wan() { return support::golden_path("models/wan"); }
int64_t wan_latents() { return support::read_json(wan() + "/vae/config.json").at("z_dim"); }

ImageRequest picture() { return tiny_picture(64, 96); }

std::string write_tiny(const support::TempDir& dir, const support::TinyDecoderKind& kind, const std::string& prefix) {
  io::write_safetensors(dir.file("tiny.safetensors"), support::TinyDecoderWeights(kind, prefix).tensors);
  return dir.file("tiny.safetensors");
}

std::unique_ptr<ImagePipeline> with_vae(const std::string& vae) {
  return ImagePipeline::open(sana(), LoadOptions{.vae = vae});
}

// A decoder as DC-AE-Lite's is: residual blocks alone, pixels shuffled, none at the finest resolution. (Its encoder is
// that of the others, and not asked for here.)
std::string write_lite(const support::TempDir& dir) {
  const std::vector<int64_t> channels = {4, 4, 8, 8, 16, 16}, layers = {0, 1, 2, 1, 1, 1};
  const std::vector<std::vector<int64_t>> none(channels.size());
  (void)dir.write("config.json", nlohmann::json{{"_class_name", "AutoencoderDC"},
                                                {"latent_channels", kSanaLatents},
                                                {"attention_head_dim", 4},
                                                {"encoder_block_out_channels", channels},
                                                {"decoder_block_out_channels", channels},
                                                {"encoder_block_types", "ResBlock"},
                                                {"decoder_block_types", "ResBlock"},
                                                {"encoder_layers_per_block", {1, 1, 1, 1, 1, 1}},
                                                {"decoder_layers_per_block", layers},
                                                {"encoder_qkv_multiscales", none},
                                                {"decoder_qkv_multiscales", none},
                                                {"upsample_block_type", "pixel_shuffle"},
                                                {"downsample_block_type", "conv"},
                                                {"decoder_norm_types", "rms_norm"},
                                                {"decoder_act_fns", "silu"},
                                                {"decoder_conv_act_fn", "silu"},
                                                {"scaling_factor", 0.7}}
                                     .dump());
  std::map<std::string, Tensor> tensors;
  Generator generator(5);
  const auto conv = [&](const std::string& name, int64_t out, int64_t in, bool bias = true) {
    Tensor w = generator.randn({out, in, 3, 3});
    for (int64_t i = 0; i < w.numel(); ++i) w.data_mut<float>()[i] /= std::sqrt(9.0F * static_cast<float>(in));
    tensors["decoder." + name + ".weight"] = w;
    if (bias) tensors["decoder." + name + ".bias"] = generator.randn({out});
  };
  const auto norm = [&](const std::string& name, int64_t size) {
    for (const char* part : {".weight", ".bias"}) tensors["decoder." + name + part] = generator.randn({size});
  };
  conv("conv_in", channels.back(), kSanaLatents);
  for (size_t i = 1; i < channels.size(); ++i) {
    int64_t n = 0;
    const auto block = [&] { return "up_blocks." + std::to_string(i) + "." + std::to_string(n++); };
    if (i + 1 < channels.size()) conv(block() + ".conv", 4 * channels[i], channels[i + 1]);
    for (int64_t k = 0; k < layers[i]; ++k) {
      const std::string name = block();
      conv(name + ".conv1", channels[i], channels[i]);
      conv(name + ".conv2", channels[i], channels[i], /*bias=*/false);
      norm(name + ".norm", channels[i]);
    }
  }
  norm("norm_out", channels[1]);
  conv("conv_out.conv", 4 * 3, channels[1]);
  io::write_safetensors(dir.file("diffusion_pytorch_model.safetensors"), tensors);
  return dir.path();
}

TEST(OtherVae, AFolderTakesTheRepositorysPlace) {
  const support::TempDir dir;
  const std::string other = write_lite(dir);
  const ImageResult plain = ImagePipeline::open(sana())->generate(picture());
  const ImageResult result = with_vae(other)->generate(picture());
  EXPECT_TRUE(support::identical(result.latents, plain.latents));
  // What it is to be: latents over its own factor through its own weights.
  const io::Config config = io::Config::read(other + "/config.json");
  const auto c = models::AutoencoderDCConfig::parse(config);
  const models::AutoencoderDC vae(c, io::Weights::open(other, "diffusion_pytorch_model", ""), {},
                                  models::AutoencoderDC::Halves::kDecoder);
  Tensor z = result.latents.clone();
  for (int64_t i = 0; i < z.numel(); ++i) z.data_mut<float>()[i] /= static_cast<float>(c.scaling_factor);
  Context ctx = support::test_context();
  const Image expected = pipelines::to_image(vae.decode(z, ctx), ctx);
  EXPECT_TRUE(support::same_picture(result.images[0], expected));
  EXPECT_NE(plain.images[0].rgb, expected.rgb);
  // A whole repository gives its own, and the settings name the folder for good.
  EXPECT_EQ(with_vae(support::golden_path("models/sana15_sharded"))->generate(picture()).images[0].rgb,
            plain.images[0].rgb);
  const RepeatableRequest again = request_from_parameters(result.parameters[0]);
  EXPECT_EQ(again.load.vae, other);
  EXPECT_EQ(ImagePipeline::open(again.model, again.load)->generate(again.request).images[0].rgb, result.images[0].rgb);
  EXPECT_EQ(request_from_parameters(plain.parameters[0]).load.vae, "");
}

TEST(OtherVae, ATinyDecoderMakesPicturesOfTheSameLatents) {
  const support::TempDir dir;
  const std::string file = write_tiny(dir, support::tiny_sana(kSanaLatents), "");
  ImageRequest r = picture();
  r.num_images_per_prompt = 2;
  const auto pipeline = with_vae(file);
  const ImageResult result = pipeline->generate(r);
  EXPECT_TRUE(support::identical(result.latents, ImagePipeline::open(sana())->generate(r).latents));
  const models::AutoencoderTiny tiny(io::Weights::open(dir.path(), "tiny", ""), {});
  Context ctx = support::test_context();
  ASSERT_EQ(result.images.size(), 2U);
  for (int64_t i = 0; i < 2; ++i)  // no factor: the decoder takes latents as the transformer makes them
    EXPECT_TRUE(support::same_picture(result.images[static_cast<size_t>(i)],
                                      pipelines::to_image(tiny.decode(result.latents.slice(i, i + 1), ctx), ctx)));
  EXPECT_EQ(request_from_parameters(result.parameters[0]).load.vae, file);
  r.vae_tiling = VaeTiling{};
  expect_error(ErrorCode::kInvalidArgument, {"vae_tiling", "tiny"}, [&] { (void)pipeline->generate(r); });
}

TEST(OtherVae, ATinyDecoderMakesClips) {
  const support::TempDir dir;
  const std::string file = write_tiny(dir, support::tiny_wan(wan_latents()), "decoder.");
  const auto pipeline = VideoPipeline::open(wan(), LoadOptions{.vae = file});
  const VideoResult result = pipeline->generate(tiny_clip());
  EXPECT_TRUE(support::identical(result.latents, VideoPipeline::open(wan())->generate(tiny_clip()).latents));
  ASSERT_EQ(result.frames.at(0).size(), 5U);
  const models::AutoencoderTiny tiny(io::Weights::open(dir.path(), "tiny", ""), {});
  Context ctx = support::test_context();
  size_t t = 0;
  tiny.decode(
      result.latents,
      [&](const Tensor& frame) {
        EXPECT_TRUE(support::same_picture(result.frames[0].at(t++), pipelines::to_image(frame, ctx)));
      },
      ctx);
  EXPECT_EQ(t, 5U);
  EXPECT_EQ(video_request_from_parameters(result.parameters[0]).load.vae, file);
}

TEST(OtherVae, ATinyDecoderIsRecognised) {
  const support::TempDir dir;
  const FileInfo picture = inspect_file(write_tiny(dir, support::tiny_sana(kSanaLatents), ""));
  EXPECT_EQ(picture.kind, FileInfo::Kind::kNetwork);
  EXPECT_EQ(picture.class_name, "AutoencoderTiny");
  EXPECT_EQ(picture.option, "--vae");
  EXPECT_EQ(picture.names, "TAESD's names");
  EXPECT_EQ(picture.problem, "");
  EXPECT_EQ(nlohmann::json::parse(picture.config).at("spatial_compression_ratio"), 32);
  EXPECT_EQ(inspect_file(write_tiny(dir, support::tiny_wan(kSanaLatents), "decoder.")).names, "TAEHV's names");
  // One of a layout that Swan lacks is said to be such.
  auto tensors = support::TinyDecoderWeights(support::tiny_wan(kSanaLatents), "decoder.").tensors;
  tensors.erase("decoder.8.weight");
  io::write_safetensors(dir.file("tiny.safetensors"), tensors);
  const FileInfo broken = inspect_file(dir.file("tiny.safetensors"));
  EXPECT_NE(broken.problem.find("decoder.8.weight"), std::string::npos) << broken.problem;
  EXPECT_EQ(broken.option, "");
}

TEST(OtherVae, WhatDoesNotFitIsRefused) {
  const support::TempDir dir;
  const auto refused = [](ErrorCode code, const std::string& vae, const std::string& text) {
    expect_error(code, {text, vae}, [&] { (void)with_vae(vae); });
  };
  refused(ErrorCode::kNotFound, dir.file("nothing"), "nothing");
  refused(ErrorCode::kNotFound, dir.path(), "config.json");
  refused(ErrorCode::kUnsupported, support::golden_path("components/wan_vae"), "AutoencoderKLWan");
  refused(ErrorCode::kCorruptFile, dir.write("text.pth", "hello, this is no checkpoint at all"), "text.pth");
  refused(ErrorCode::kShapeMismatch, write_tiny(dir, support::tiny_sana(kSanaLatents + 1), ""), "9 channels");
  refused(ErrorCode::kShapeMismatch, write_tiny(dir, support::tiny_wan(kSanaLatents), ""), "clips");
  expect_error(ErrorCode::kShapeMismatch, {"pictures"}, [&] {
    (void)VideoPipeline::open(wan(), {.vae = write_tiny(dir, support::tiny_sana(wan_latents()), "")});
  });
}

}  // namespace
}  // namespace swan

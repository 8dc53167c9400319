// What a caller relies on of Sana with a ControlNet besides the pictures: where it comes from, its errors, repetition.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "pipeline/tiny_requests.h"
#include "pipelines/canny.h"
#include "pipelines/resample.h"
#include "support/close.h"
#include "support/expect_error.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "swan/error.h"
#include "swan/pipeline.h"
#include "swan/video_pipeline.h"

namespace swan {
namespace {

namespace fs = std::filesystem;

std::string model(const std::string& name) { return support::golden_path("models/" + name); }
std::string controlnet() { return model("sana_controlnet/controlnet"); }
std::unique_ptr<ImagePipeline> tiny() { return ImagePipeline::open(model("sana_controlnet")); }

// A disc on a darker ground, wider than high.
Image disc() {
  Image image{.width = 90, .height = 70, .rgb = {}};
  for (int64_t y = 0; y < 70; ++y)
    for (int64_t x = 0; x < 90; ++x)
      image.rgb.insert(image.rgb.end(), 3, (x - 45) * (x - 45) + (y - 35) * (y - 35) < 400 ? 220 : 30);
  return image;
}

ImageRequest quick() {
  ImageRequest r = tiny_picture(64, 96);
  r.control_image = disc();
  return r;
}

template <typename Change>
ImageRequest with(const Change& change) {
  ImageRequest r = quick();
  change(r);
  return r;
}

template <typename Call>
void expect_error(const Call& call, ErrorCode code, const std::string& text) {
  swan::expect_error(code, {text}, call);
}

TEST(SanaControlNetRequests, RefusesWhatCannotBeMade) {
  const auto pipeline = tiny();
  const auto wrong = [&](const auto& change, const std::string& text) {
    expect_error([&] { (void)pipeline->generate(with(change)); }, ErrorCode::kInvalidArgument, text);
  };
  wrong([](ImageRequest& r) { r.control_image.reset(); }, "no control image was given");
  wrong(
      [](ImageRequest& r) {
        r.control_image.reset();
        r.controlnet_conditioning_scale = 0.5;
      },
      "controlnet_conditioning_scale is given, but no control image");
  wrong(
      [](ImageRequest& r) {
        r.control_image.reset();
        r.control_preprocess = ControlPreprocess::kCanny;
      },
      "control_preprocess is given, but no control image");
  for (const double scale : {static_cast<double>(NAN), static_cast<double>(INFINITY)})
    wrong([&](ImageRequest& r) { r.controlnet_conditioning_scale = scale; }, "must be a finite number");
  wrong([](ImageRequest& r) { r.control_image->rgb.resize(1); }, "90 x 70 pixels with 1 bytes");
  wrong([](ImageRequest& r) { r.control_image = Image{}; }, "0 x 0 pixels");
  // One byte a pixel, and four.
  for (const size_t channels : {size_t{1}, size_t{4}})
    wrong([&](ImageRequest& r) { r.control_image->rgb.assign(90 * 70 * channels, 9); }, "3 a pixel are needed");
  wrong([](ImageRequest& r) { r.width = 70; }, "multiples of 32");
  expect_error([&] { (void)pipeline->generate(with([](ImageRequest& r) { r.image = disc(); })); },
               ErrorCode::kUnsupported, "'image'");
}

TEST(SanaControlNetRequests, ModelsWithoutOneRefuseAControlImage) {
  for (const char* name : {"sana", "sana_sprint"}) {
    const auto pipeline = ImagePipeline::open(model(name));
    expect_error([&] { (void)pipeline->generate(quick()); }, ErrorCode::kInvalidArgument, "without a ControlNet");
  }
  expect_error([] { (void)ImagePipeline::open(model("sana_sprint"), {.controlnet = controlnet()}); },
               ErrorCode::kUnsupported, "SanaSprintPipeline");
  expect_error([] { (void)VideoPipeline::open(model("wan"), {.controlnet = controlnet()}); }, ErrorCode::kUnsupported,
               "WanPipeline");
}

TEST(SanaControlNetRequests, ItsFolderIsGivenOrTheRepositorysOwn) {
  const Tensor own = tiny()->generate(quick()).latents;
  for (const std::string& folder : {controlnet(), model("sana_controlnet"), controlnet() + "/"}) {
    const auto pipeline = ImagePipeline::open(model("sana"), {.controlnet = folder});
    EXPECT_TRUE(support::identical(pipeline->generate(quick()).latents, own)) << folder;
  }
  EXPECT_EQ(model_kind(model("sana_controlnet")), "image");
  // A variant that only the rest of the model has.
  EXPECT_NO_THROW((void)ImagePipeline::open(model("sana"), {.variant = "fp16", .controlnet = controlnet()}));
}

TEST(SanaControlNetRequests, NamesWhatIsWrongWithItsFolder) {
  const auto opening = [](const std::string& folder, ErrorCode code, const std::string& text) {
    expect_error([&] { (void)ImagePipeline::open(model("sana"), {.controlnet = folder}); }, code, text);
  };
  const support::TempDir dir;
  opening(dir.path() + "/none", ErrorCode::kNotFound, "there is no such folder");
  opening(dir.path(), ErrorCode::kNotFound, "no config.json in it");
  opening(model("sana"), ErrorCode::kCorruptFile, "has no controlnet");
  opening(model("sana/transformer"), ErrorCode::kUnsupported, "SanaTransformer2DModel");

  // One of another size.
  const auto changed = [&](const char* key, int64_t value) {
    nlohmann::json config = support::read_json(controlnet() + "/config.json");
    config[key] = value;
    (void)dir.write("config.json", config.dump());
  };
  for (const auto& [key, value, text] :
       {std::tuple("in_channels", int64_t{16}, "in_channels is 16, the transformer's 8"),
        {"num_attention_heads", 2, "inner width is 24"},
        {"caption_channels", 32, "caption_channels is 32"},
        {"patch_size", 2, "patch_size is 2"},
        {"num_layers", 4, "4 layers"}}) {
    changed(key, value);
    opening(dir.path(), ErrorCode::kShapeMismatch, text);
  }
  // Weights that are not there are noticed when they are needed.
  changed("num_layers", 2);
  expect_error([&] { (void)ImagePipeline::open(model("sana"), {.controlnet = dir.path()})->generate(quick()); },
               ErrorCode::kNotFound, dir.path());
}

TEST(SanaControlNetRequests, TheImageAndItsScaleMatter) {
  const auto pipeline = tiny();
  const auto latents = [&](const auto& change) { return pipeline->generate(with(change)).latents; };
  const Tensor standard = latents([](ImageRequest&) {});
  EXPECT_TRUE(support::identical(latents([](ImageRequest& r) { r.controlnet_conditioning_scale = 1; }), standard));
  EXPECT_FALSE(support::identical(latents([](ImageRequest& r) { r.controlnet_conditioning_scale = 0.9; }), standard));
  EXPECT_FALSE(support::identical(
      latents([](ImageRequest& r) { std::fill(r.control_image->rgb.begin(), r.control_image->rgb.end(), 30); }),
      standard));
  EXPECT_FALSE(
      support::identical(latents([](ImageRequest& r) { r.control_preprocess = ControlPreprocess::kCanny; }), standard));
  // Of no weight it leaves the picture that the model draws without it.
  ImageRequest plain = quick();
  plain.control_image.reset();
  EXPECT_TRUE(support::close(latents([](ImageRequest& r) { r.controlnet_conditioning_scale = 0; }),
                             ImagePipeline::open(model("sana"))->generate(plain).latents, 1e-6));
}

TEST(SanaControlNetRequests, ShowsTheImageAsTheControlNetSawIt) {
  const auto pipeline = tiny();
  const Image scaled = pipelines::resize_lanczos(disc(), {.height = 64, .width = 96});
  const ImageResult plain = pipeline->generate(quick());
  ASSERT_TRUE(plain.control_image);
  EXPECT_EQ(plain.control_image->width, 96);
  EXPECT_EQ(plain.control_image->height, 64);
  EXPECT_EQ(plain.control_image->rgb, scaled.rgb);
  const ImageResult canny =
      pipeline->generate(with([](ImageRequest& r) { r.control_preprocess = ControlPreprocess::kCanny; }));
  ASSERT_TRUE(canny.control_image);
  EXPECT_EQ(canny.control_image->rgb, pipelines::canny(scaled).rgb);
  // The edges given as they are make the same picture.
  const ImageResult edges = pipeline->generate(with([&](ImageRequest& r) { r.control_image = canny.control_image; }));
  EXPECT_TRUE(support::identical(edges.latents, canny.latents));
  ImageRequest without = quick();
  without.control_image.reset();
  EXPECT_FALSE(ImagePipeline::open(model("sana"))->generate(without).control_image);
}

TEST(SanaControlNetRequests, GuidanceAndBatchesHaveTheirRows) {
  const auto pipeline = tiny();
  const ImageResult two = pipeline->generate(with([](ImageRequest& r) { r.num_images_per_prompt = 2; }));
  ASSERT_EQ(two.images.size(), 2U);
  EXPECT_NE(two.images[0].rgb, two.images[1].rgb);
  const ImageResult each = pipeline->generate(with([](ImageRequest& r) {
    r.prompt = {"a red cat", "a house"};
    r.seed = {7, 8};
    r.guidance_scale = 1;
  }));
  const ImageResult second = pipeline->generate(with([](ImageRequest& r) {
    r.prompt = {"a house"};
    r.seed = {8};
    r.guidance_scale = 1;
  }));
  EXPECT_TRUE(support::close(each.latents.slice(1, 2).clone(), second.latents, 1e-4));
}

TEST(SanaControlNetRequests, SettingsRepeatThePictureWithItsImage) {
  ImageRequest r = quick();
  r.control_preprocess = ControlPreprocess::kCanny;
  r.controlnet_conditioning_scale = 0.75;
  const fs::path here = fs::current_path();
  fs::current_path(model("sana_controlnet"));
  const auto pipeline = ImagePipeline::open(model("sana"), {.controlnet = "controlnet"});
  fs::current_path(here);
  const ImageResult first = pipeline->generate(r);
  nlohmann::json settings = nlohmann::json::parse(first.parameters[0]);
  EXPECT_EQ(settings.at("pipeline"), "SanaControlNetPipeline");
  EXPECT_EQ(settings.at("controlnet"), fs::path(controlnet()).lexically_normal().string());  // from anywhere
  EXPECT_EQ(settings.at("control_image"), "given");
  EXPECT_EQ(settings.at("control_preprocess"), "canny");
  EXPECT_EQ(settings.at("controlnet_conditioning_scale"), 0.75);
  expect_error([&] { (void)request_from_parameters(first.parameters[0]); }, ErrorCode::kInvalidArgument,
               "--control-image");
  settings.erase("control_image");
  RepeatableRequest again = request_from_parameters(settings.dump());
  again.request.control_image = disc();
  const ImageResult second = ImagePipeline::open(again.model, again.load)->generate(again.request);
  EXPECT_EQ(second.images[0].rgb, first.images[0].rgb);
  EXPECT_EQ(second.parameters[0], first.parameters[0]);
  settings["control_preprocess"] = "hed";
  expect_error([&] { (void)request_from_parameters(settings.dump()); }, ErrorCode::kCorruptFile, "control_preprocess");
}

TEST(SanaControlNetRequests, TheRepositorysOwnIsNotRecorded) {
  const nlohmann::json settings = nlohmann::json::parse(tiny()->generate(quick()).parameters[0]);
  EXPECT_FALSE(settings.contains("controlnet"));
  EXPECT_EQ(settings.at("control_preprocess"), "none");
  EXPECT_EQ(settings.at("controlnet_conditioning_scale"), 1);
}

}  // namespace
}  // namespace swan

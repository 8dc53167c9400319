// What a caller relies on of Sana-Sprint besides the pictures: its defaults, its errors, repetition.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "support/close.h"
#include "support/expect_error.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "swan/error.h"
#include "swan/pipeline.h"

namespace swan {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<ImagePipeline> tiny() { return ImagePipeline::open(support::golden_path("models/sana_sprint")); }

ImageRequest quick() {
  ImageRequest r;
  r.prompt = {"a red cat"};
  r.height = r.width = 64;
  r.use_resolution_binning = false;
  r.seed = {7};
  return r;
}

Image grey() { return {.width = 5, .height = 3, .rgb = std::vector<uint8_t>(45, 90)}; }

template <typename Change>
ImageRequest with(const Change& change) {
  ImageRequest r = quick();
  change(r);
  return r;
}

void expect_error(ImagePipeline& pipeline, const ImageRequest& request, ErrorCode code, const std::string& text) {
  swan::expect_error(code, {text}, [&] { (void)pipeline.generate(request); });
}

TEST(SanaSprintRequests, RefusesWhatItHasNot) {
  const auto pipeline = tiny();
  const auto wrong = [&](const auto& change, const std::string& text) {
    expect_error(*pipeline, with(change), ErrorCode::kInvalidArgument, text);
  };
  wrong([](ImageRequest& r) { r.negative_prompt = {"blurry"}; }, "no negative prompt");
  wrong(
      [](ImageRequest& r) {
        r.negative_prompt_embeds = {Tensor::zeros({1, 4, 64}, DType::kF32), Tensor::zeros({1, 4}, DType::kI32)};
      },
      "no negative prompt");
  wrong([](ImageRequest& r) { r.flow_shift = 3; }, "flow_shift");
  wrong([](ImageRequest& r) { r.scheduler = "no-such"; }, "no-such");
  wrong([](ImageRequest& r) { r.max_timesteps = 2; }, "max_timesteps is 2");
  wrong([](ImageRequest& r) { r.intermediate_timesteps = 1.6; }, "intermediate_timesteps is 1.6");
  wrong(
      [](ImageRequest& r) {
        r.intermediate_timesteps = 1.2;
        r.num_inference_steps = 3;
      },
      "second of two");
  wrong([](ImageRequest& r) { r.strength = 0.5; }, "no picture to start from");
  for (const double strength : {-0.1, 1.1, static_cast<double>(NAN)})
    wrong(
        [&](ImageRequest& r) {
          r.image = grey();
          r.strength = strength;
        },
        "0 to 1");
  wrong(
      [](ImageRequest& r) {
        r.image = grey();
        r.strength = 0;
      },
      "leaves none of 2 steps");
  wrong(
      [](ImageRequest& r) {
        r.image = grey();
        r.latents = Tensor::zeros({1, 8, 2, 2}, DType::kF32);
      },
      "give one of them");
  wrong([](ImageRequest& r) { r.image = Image{.width = 5, .height = 3, .rgb = {1}}; }, "5 x 3 pixels with 1 bytes");
  expect_error(*pipeline, with([](ImageRequest& r) { r.scheduler = "flow-euler"; }), ErrorCode::kUnsupported,
               "'scm' alone");
}

TEST(SanaSprintRequests, OtherModelsRefuseWhatIsItsOwn) {
  const auto sana = ImagePipeline::open(support::golden_path("models/sana"));
  const auto refused = [&](const auto& change, const std::string& text) {
    expect_error(*sana, with(change), ErrorCode::kUnsupported, text);
  };
  refused([](ImageRequest& r) { r.max_timesteps = 1.5; }, "'max_timesteps'");
  refused([](ImageRequest& r) { r.intermediate_timesteps = 1; }, "'intermediate_timesteps'");
  refused([](ImageRequest& r) { r.scheduler = "scm"; }, "Sana-Sprint");
  EXPECT_EQ(sana->defaults().num_inference_steps, 20);
  EXPECT_TRUE(sana->defaults().negative_prompt);
}

// A repository whose model_index.json names another class.
void copy_as(const std::string& class_name, const std::string& model, const support::TempDir& dir) {
  fs::copy(support::golden_path(model), dir.path(), fs::copy_options::recursive);
  nlohmann::json index = support::read_json(support::golden_path(model + "/model_index.json"));
  index["_class_name"] = class_name;
  (void)dir.write("model_index.json", index.dump());
}

TEST(SanaSprintRequests, TheClassIsThatOfTheIndexAndMustFitTheNetwork) {
  EXPECT_EQ(model_kind(support::golden_path("models/sana_sprint")), "image");
  const support::TempDir from_pictures;
  copy_as("SanaSprintImg2ImgPipeline", "models/sana_sprint", from_pictures);
  EXPECT_EQ(ImagePipeline::open(from_pictures.path())->defaults().num_inference_steps, 2);
  for (const auto& [class_name, model] :
       {std::pair("SanaPipeline", "models/sana_sprint"), std::pair("SanaSprintPipeline", "models/sana")}) {
    const support::TempDir dir;
    copy_as(class_name, model, dir);
    try {
      (void)ImagePipeline::open(dir.path());
      ADD_FAILURE() << class_name;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kUnsupported);
      EXPECT_NE(std::string(e.what()).find("guidance embedding"), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find(class_name), std::string::npos) << e.what();
    }
  }
}

TEST(SanaSprintRequests, ItsDefaultsAreTheReferences) {
  const auto pipeline = tiny();
  EXPECT_EQ(pipeline->defaults().num_inference_steps, 2);
  EXPECT_FALSE(pipeline->defaults().negative_prompt);
  const Tensor standard = pipeline->generate(quick()).latents;
  const auto latents = [&](const auto& change) { return pipeline->generate(with(change)).latents; };
  EXPECT_TRUE(support::identical(latents([](ImageRequest& r) {
                                   r.num_inference_steps = 2;
                                   r.guidance_scale = 4.5;
                                   r.max_timesteps = 1.5708;
                                   r.intermediate_timesteps = 1.3;
                                   r.scheduler = "scm";
                                 }),
                                 standard));
  EXPECT_FALSE(support::identical(latents([](ImageRequest& r) { r.intermediate_timesteps = 0; }), standard));
  EXPECT_FALSE(support::identical(latents([](ImageRequest& r) { r.max_timesteps = 1.4; }), standard));
  EXPECT_FALSE(support::identical(latents([](ImageRequest& r) { r.guidance_scale = 0.5; }), standard));
}

TEST(SanaSprintRequests, TakesItsOwnNoiseAsLatents) {
  const support::GoldenPipeline golden = support::golden_pipeline("sprint_1_step");
  ImageRequest r;
  r.prompt = {golden.call.at("prompt").get<std::string>()};
  r.height = r.width = 160;
  r.num_inference_steps = 1;
  r.use_resolution_binning = false;
  r.decode = false;
  r.seed = golden.seeds;
  const auto pipeline = tiny();
  const Tensor drawn = pipeline->generate(r).latents;
  r.latents = golden.tensor("initial_latents").clone();
  r.seed = {99};  // of one step its noise is of no account
  EXPECT_TRUE(support::close(pipeline->generate(r).latents, drawn, 1e-4));
}

TEST(SanaSprintRequests, APictureShortensTheRunAndIsRecorded) {
  ImageRequest r = quick();
  r.image = grey();
  r.num_inference_steps = 4;
  r.num_images_per_prompt = 2;
  int steps = 0, last = 0;
  Callbacks callbacks;
  callbacks.progress = [&](const std::string& stage, int done, int total) {
    if (stage != "denoise") return;
    last = done;
    steps = total;
  };
  const auto pipeline = tiny();
  const ImageResult result = pipeline->generate(r, callbacks);
  EXPECT_EQ(steps, 3);  // 0.6 of 4, rounded up
  EXPECT_EQ(last, 3);
  ASSERT_EQ(result.images.size(), 2U);
  EXPECT_NE(result.images[0].rgb, result.images[1].rgb);
  nlohmann::json settings = nlohmann::json::parse(result.parameters[1]);
  EXPECT_EQ(settings.at("pipeline"), "SanaSprintImg2ImgPipeline");
  EXPECT_EQ(settings.at("scheduler"), "scm");
  EXPECT_EQ(settings.at("num_inference_steps"), 4);
  EXPECT_EQ(settings.at("strength"), 0.6);
  settings.erase("image");
  RepeatableRequest again = request_from_parameters(settings.dump());
  again.request.image = grey();
  EXPECT_EQ(pipeline->generate(again.request).images[1].rgb, result.images[1].rgb);
  r.image->rgb[0] = 200;
  EXPECT_NE(pipeline->generate(r).images[1].rgb, result.images[1].rgb);  // the picture matters
}

TEST(SanaSprintRequests, RepeatsAPictureFromItsSettings) {
  ImageRequest r = quick();
  r.num_inference_steps = 3;
  r.max_timesteps = 1.5;
  const ImageResult first = tiny()->generate(r);
  EXPECT_EQ(nlohmann::json::parse(first.parameters[0]).at("pipeline"), "SanaSprintPipeline");
  const RepeatableRequest again = request_from_parameters(first.parameters[0]);
  const ImageResult second = ImagePipeline::open(again.model, again.load)->generate(again.request);
  EXPECT_EQ(second.images[0].rgb, first.images[0].rgb);
  EXPECT_EQ(second.parameters[0], first.parameters[0]);
}

}  // namespace
}  // namespace swan

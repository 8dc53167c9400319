// What a caller relies on of perturbed-attention guidance besides the pictures: defaults, errors, repetition.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "pipeline/tiny_requests.h"
#include "support/close.h"
#include "support/expect_error.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "swan/error.h"
#include "swan/pipeline.h"

namespace swan {
namespace {

namespace fs = std::filesystem;

std::string model(const std::string& name) { return support::golden_path("models/" + name); }
std::unique_ptr<ImagePipeline> tiny() { return ImagePipeline::open(model("sana")); }

ImageRequest quick() { return tiny_picture(64, 96); }

template <typename Change>
ImageRequest with(const Change& change) {
  ImageRequest r = quick();
  change(r);
  return r;
}

void expect_error(ImagePipeline& pipeline, const ImageRequest& request, ErrorCode code, const std::string& text) {
  swan::expect_error(code, {text}, [&] { (void)pipeline.generate(request); });
}

TEST(SanaPagRequests, RefusesWhatCannotBeMeant) {
  const auto pipeline = tiny();
  const auto wrong = [&](const auto& change, const std::string& text) {
    expect_error(*pipeline, with(change), ErrorCode::kInvalidArgument, text);
  };
  for (const double scale : {-1.0, static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
    wrong([&](ImageRequest& r) { r.pag_scale = scale; }, "pag_scale is ");
    wrong(
        [&](ImageRequest& r) {
          r.pag_scale = 3;
          r.pag_adaptive_scale = scale;
        },
        "pag_adaptive_scale is ");
  }
  wrong([](ImageRequest& r) { r.pag_adaptive_scale = 0.1; }, "pag_adaptive_scale is given, but pag_scale is 0");
  wrong([](ImageRequest& r) { r.pag_applied_layers = {"attn1"}; }, "pag_applied_layers is given, but pag_scale is 0");
  wrong(
      [](ImageRequest& r) {
        r.pag_scale = 3;
        r.pag_applied_layers = {"transformer_blocks.9"};
      },
      "finds none");
}

TEST(SanaPagRequests, OtherKindsRefuseIt) {
  const Image grey = {.width = 4, .height = 4, .rgb = std::vector<uint8_t>(48, 90)};
  const auto controlled = ImagePipeline::open(model("sana_controlnet"));
  const auto sprint = ImagePipeline::open(model("sana_sprint"));
  for (const auto& change :
       {+[](ImageRequest& r) { r.pag_scale = 3; }, +[](ImageRequest& r) { r.pag_adaptive_scale = 0; },
        +[](ImageRequest& r) { r.pag_applied_layers = {"attn1"}; }}) {
    ImageRequest r = with(change);
    expect_error(*sprint, r, ErrorCode::kUnsupported, "SanaSprintPipeline");
    r.control_image = grey;
    expect_error(*controlled, r, ErrorCode::kUnsupported, "SanaControlNetPipeline");
  }
}

TEST(SanaPagRequests, NothingIsPerturbedUnlessAsked) {
  const auto pipeline = tiny();
  const ImageResult plain = pipeline->generate(quick());
  EXPECT_FALSE(nlohmann::json::parse(plain.parameters[0]).contains("pag_scale"));
  EXPECT_TRUE(
      support::identical(pipeline->generate(with([](ImageRequest& r) { r.pag_scale = 0; })).latents, plain.latents));
  EXPECT_FALSE(
      support::identical(pipeline->generate(with([](ImageRequest& r) { r.pag_scale = 3; })).latents, plain.latents));
  // Of no weight, the rows of the perturbed pass leave the others what they were.
  EXPECT_TRUE(support::close(pipeline
                                 ->generate(with([](ImageRequest& r) {
                                   r.pag_scale = 1e-6;
                                   r.pag_applied_layers = {"attn1"};
                                 }))
                                 .latents,
                             plain.latents, 1e-4));
}

TEST(SanaPagRequests, ARepositoryOfItsClassAsksForIt) {
  const support::TempDir dir;
  fs::copy(model("sana"), dir.path(), fs::copy_options::recursive);
  nlohmann::json index = support::read_json(model("sana/model_index.json"));
  index["_class_name"] = "SanaPAGPipeline";
  (void)dir.write("model_index.json", index.dump());
  const auto own = ImagePipeline::open(dir.path());
  const ImageResult standard = own->generate(quick());
  const nlohmann::json settings = nlohmann::json::parse(standard.parameters[0]);
  EXPECT_EQ(settings.at("pipeline"), "SanaPAGPipeline");
  EXPECT_EQ(settings.at("pag_scale"), 3);
  EXPECT_TRUE(support::identical(tiny()
                                     ->generate(with([](ImageRequest& r) {
                                       r.pag_scale = 3;
                                       r.pag_adaptive_scale = 0;
                                       r.pag_applied_layers = {"transformer_blocks.0"};
                                     }))
                                     .latents,
                                 standard.latents));
  // And can do without; which is repeated.
  const ImageResult without = own->generate(with([](ImageRequest& r) { r.pag_scale = 0; }));
  EXPECT_TRUE(support::identical(without.latents, tiny()->generate(quick()).latents));
  const RepeatableRequest again = request_from_parameters(without.parameters[0]);
  EXPECT_TRUE(support::identical(own->generate(again.request).latents, without.latents));
}

TEST(SanaPagRequests, RepeatsAPictureFromItsSettings) {
  ImageRequest r = quick();
  r.pag_scale = 2;
  r.pag_adaptive_scale = 0.001;
  r.pag_applied_layers = {"blocks.1", "blocks.3"};
  r.num_images_per_prompt = 2;
  const ImageResult first = tiny()->generate(r);
  EXPECT_NE(first.images[0].rgb, first.images[1].rgb);
  const RepeatableRequest again = request_from_parameters(first.parameters[1]);
  EXPECT_EQ(again.request.pag_applied_layers, r.pag_applied_layers);
  const ImageResult second = ImagePipeline::open(again.model, again.load)->generate(again.request);
  EXPECT_EQ(second.images[1].rgb, first.images[1].rgb);
  EXPECT_EQ(second.parameters[1], first.parameters[1]);
}

}  // namespace
}  // namespace swan

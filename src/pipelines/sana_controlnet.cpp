// Mirrors diffusers 0.42 pipelines/sana/pipeline_sana_controlnet.py, SanaControlNetPipeline.__call__, from where it
// differs from SanaPipeline's.
#include "pipelines/sana_controlnet.h"

#include <cmath>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "io/config.h"
#include "io/weight_files.h"
#include "pipelines/canny.h"
#include "pipelines/image_processor.h"
#include "pipelines/resample.h"

namespace swan::pipelines {

namespace {

namespace fs = std::filesystem;

constexpr const char* kStem = "diffusion_pytorch_model";

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// The folder with the ControlNet's config.json and weights.
std::string controlnet_directory(const io::Repository& repository, const std::string& given) {
  if (given.empty()) return repository.component("controlnet").directory;
  if (is_there(fs::path(given) / "model_index.json"))
    return io::Repository::open(given).component("controlnet").directory;
  if (!is_there(fs::path(given) / "config.json"))
    fail(
        ErrorCode::kNotFound,
        "cannot open the ControlNet {}: {}; give the folder of a SanaControlNetModel, which holds config.json beside {}"
        ".safetensors, or that of a SanaControlNetPipeline.",
        given, is_there(given) ? "there is no config.json in it" : "there is no such folder", kStem);
  return given;
}

// A ControlNet's samples are added within the transformer, whose tokens and prompts it shares.
void check_fits(const models::SanaConfig& controlnet, const models::SanaConfig& transformer, const std::string& path) {
  struct Side {
    const char* name;
    int64_t of_controlnet, of_transformer;
  };
  for (const Side& side : {Side{"in_channels", controlnet.in_channels, transformer.in_channels},
                           {"patch_size", controlnet.patch_size, transformer.patch_size},
                           {"inner width", controlnet.inner_dim(), transformer.inner_dim()},
                           {"caption_channels", controlnet.caption_channels, transformer.caption_channels}})
    if (side.of_controlnet != side.of_transformer)
      fail(ErrorCode::kShapeMismatch,
           "the ControlNet {} was not made for this model: its {} is {}, the transformer's {}; give one of the same "
           "size.",
           path, side.name, side.of_controlnet, side.of_transformer);
  if (controlnet.num_layers >= transformer.num_layers)
    fail(ErrorCode::kShapeMismatch,
         "the ControlNet {} was not made for this model: it has {} layers, and the transformer {}, whose first takes "
         "nothing of it; give one of the same size.",
         path, controlnet.num_layers, transformer.num_layers);
}

}  // namespace

SanaControlNetPipeline::SanaControlNetPipeline(io::Repository opened, std::string model_name,
                                               const LoadOptions& options)
    : SanaPipeline(std::move(opened), std::move(model_name), options),
      directory_(controlnet_directory(repository(), options.controlnet)),
      config_(models::parse_sana_controlnet_config(io::Config::read((fs::path(directory_) / "config.json").string()))) {
  check_fits(config_, transformer_config(), directory_);
}

// 4. Prepare control image
void SanaControlNetPipeline::plan_sampling(Plan& plan) const {
  SanaPipeline::plan_sampling(plan);
  const ImageRequest& r = plan.request;
  if (!r.control_image)
    fail(ErrorCode::kInvalidArgument,
         "no control image was given (control_image, --control-image), but the model has the ControlNet {}; give one, "
         "or "
         "open a model without it.",
         directory_);
  if (r.controlnet_conditioning_scale && !std::isfinite(*r.controlnet_conditioning_scale))
    fail(ErrorCode::kInvalidArgument, "controlnet_conditioning_scale must be a finite number.");
  check_picture(*r.control_image);
  plan.control_image = resize_lanczos(*r.control_image, plan.render);
  if (r.control_preprocess == ControlPreprocess::kCanny) plan.control_image = canny(*plan.control_image);
}

void SanaControlNetPipeline::load_controlnet() {
  const std::string& asked = load_options().variant;
  // As with a repository's components: one that lacks the variant uses its plain files.
  const std::string variant = io::has_weight_files(directory_, kStem, asked) ? asked : "";
  controlnet_.open(
      "controlnet", compute(), [&] { return io::Weights::open(directory_, kStem, variant); },
      [&](const auto& weights) {
        return std::make_unique<models::SanaControlNetModel>(
            config_, nn::Scope(weights, compute().storage()).with_blocks(compute().on_host()));
      });
}

SanaPipeline::BlockSamples SanaControlNetPipeline::block_samples(const Plan& plan, const PromptEmbeddings& prompts,
                                                                 const Tensor& image_latents, Context& ctx) {
  load_controlnet();
  // It computes in a dtype of its own, and its context lasts as long as the steps.
  const auto network =
      std::make_shared<Context>(ctx.with_dtype(compute().activations(controlnet_.dtype())).with_f8(compute().f8()));
  const models::SanaText text = controlnet_->encode_text(prompts.embeds, prompts.attention_mask, *network);
  const Tensor condition = controlnet_->encode_condition(image_latents, *network);
  const double scale = plan.request.controlnet_conditioning_scale.value_or(1);
  return [this, network, text, condition, scale](const Tensor& latents, const Tensor& timestep) {
    return controlnet_->forward(latents, text, condition, timestep, scale, *network);
  };
}

Tensor SanaControlNetPipeline::denoise(const Plan& plan, const PromptEmbeddings& prompts, const Tensor& image_latents,
                                       Stages& stages, Context& ctx) {
  Tensor latents = SanaPipeline::denoise(plan, prompts, image_latents, stages, ctx);
  controlnet_.release(compute());
  return latents;
}

}  // namespace swan::pipelines

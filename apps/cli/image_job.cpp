#include "cli/image_job.h"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "cli/generate_job.h"
#include "cli/limits.h"
#include "cli/text_file.h"
#include "cli/values.h"
#include "swan/image.h"

namespace swan::cli {

namespace {

// What only Sana-Sprint has; other models refuse it.
void set_sprint(const ImageArguments& a, ImageRequest& request) {
  if (a.max_timesteps) request.max_timesteps = parse_number("--max-timesteps", *a.max_timesteps, 0.001, kQuarterTurn);
  if (a.intermediate_timesteps) {
    request.intermediate_timesteps =
        *a.intermediate_timesteps == "none"
            ? 0
            : parse_number("--intermediate-timesteps", *a.intermediate_timesteps, 0.001, kQuarterTurn);
  }
}

// A picture to start from.
void set_start(const ImageArguments& a, ImageRequest& request) {
  set_strength(a, a.image.has_value(), "--image FILE, the picture to start from", request);
  if (!a.image) return;
  if (a.latents) throw UsageError("--image and --latents both say what to start from; give one of them");
  request.image = read_image(*a.image);
}

void set_pag(const ImageArguments& a, ImageRequest& request) {
  constexpr double kMost = 1000;
  if (a.pag_scale) request.pag_scale = parse_number("--pag-scale", *a.pag_scale, 0, kMost);
  if (a.pag_adaptive_scale)
    request.pag_adaptive_scale = parse_number("--pag-adaptive-scale", *a.pag_adaptive_scale, 0, kMost);
  if (a.pag_layers) {
    if (a.pag_layers->empty()) throw UsageError("--pag-layers is empty; name blocks, or leave it out");
    request.pag_applied_layers = {*a.pag_layers};
  }
}

// What only a model with a ControlNet has; others refuse it.
void set_control(const ImageArguments& a, ImageJob& job) {
  if (!a.control_image) {
    for (const auto& [option, given] : {std::pair("--controlnet", &a.controlnet),
                                        {"--control-preprocess", &a.control_preprocess},
                                        {"--control-scale", &a.control_scale},
                                        {"--save-control", &a.save_control}}) {
      if (*given) {
        throw UsageError(fmt::format("{} needs --control-image FILE, the picture that controls the result", option));
      }
    }
    return;
  }
  if (a.controlnet) {
    if (a.controlnet->empty()) throw UsageError("--controlnet is empty; name the folder of a ControlNet");
    job.load.controlnet = *a.controlnet;
  }
  if (a.control_preprocess) {
    job.request.control_preprocess =
        parse_choice("--control-preprocess", *a.control_preprocess, {"none", "canny"}) == "canny"
            ? ControlPreprocess::kCanny
            : ControlPreprocess::kNone;
  }
  if (a.control_scale) job.request.controlnet_conditioning_scale = parse_number("--control-scale", *a.control_scale);
  if (a.save_control) {
    if (a.save_control->empty()) throw UsageError("--save-control is empty; name a file, or leave it out");
    for (const std::string& other : {job.output, job.save_latents}) {
      if (*a.save_control == other) {
        throw UsageError(fmt::format("--save-control names '{}', which another file of the run has", other));
      }
    }
    job.save_control = *a.save_control;
  }
  job.request.control_image = read_image(*a.control_image);
}

ImageJob convert(const ImageArguments& a) {
  ImageJob job;
  std::vector<std::string> replaced;
  if (a.image) replaced.emplace_back("image");
  if (a.mask) replaced.emplace_back("mask");
  if (a.control_image) replaced.emplace_back("control_image");
  if (a.from) repeat(*a.from, request_from_parameters(settings_to_repeat(a, "image", replaced)), job);
  set_shared(a, a.num_images, job);
  if (a.no_resolution_binning) job.request.use_resolution_binning = false;
  if (a.complex_instruction) {
    if (a.prompt_embeds) {
      throw UsageError("--complex-instruction goes before a prompt, but --prompt-embeds takes the prompt's place");
    }
    job.request.complex_human_instruction = read_instruction(*a.complex_instruction);
  }
  set_pag(a, job.request);
  set_start(a, job.request);
  set_sprint(a, job.request);
  set_control(a, job);
  return job;
}

}  // namespace

ImageJob make_image_job(const ImageArguments& arguments) {
  return for_command("image", [&] { return convert(arguments); });
}

}  // namespace swan::cli

#include "cli/image_job.h"

#include <string>
#include <vector>

#include "cli/generate_job.h"
#include "cli/text_file.h"
#include "cli/values.h"
#include "swan/image.h"

namespace swan::cli {

namespace {

// What only Sana-Sprint has; other models refuse it.
void set_sprint(const ImageArguments& a, ImageRequest& request) {
  constexpr double kQuarterTurn = 1.5708;
  if (a.max_timesteps) request.max_timesteps = parse_number("--max-timesteps", *a.max_timesteps, 0.001, kQuarterTurn);
  if (a.intermediate_timesteps) {
    request.intermediate_timesteps =
        *a.intermediate_timesteps == "none"
            ? 0
            : parse_number("--intermediate-timesteps", *a.intermediate_timesteps, 0.001, kQuarterTurn);
  }
  if (a.strength) {
    if (!a.image) throw UsageError("--strength needs --image FILE, the picture to start from");
    request.strength = parse_number("--strength", *a.strength, 0, 1);
  }
  if (a.image) {
    if (a.latents) throw UsageError("--image and --latents both say what to start from; give one of them");
    request.image = read_image(*a.image);
  }
}

ImageJob convert(const ImageArguments& a) {
  ImageJob job;
  std::vector<std::string> replaced;
  if (a.image) replaced.emplace_back("image");
  if (a.from) repeat(*a.from, request_from_parameters(settings_to_repeat(a, "image", replaced)), job);
  set_shared(a, a.num_images, job);
  if (a.no_resolution_binning) job.request.use_resolution_binning = false;
  if (a.complex_instruction) {
    if (a.prompt_embeds) {
      throw UsageError("--complex-instruction goes before a prompt, but --prompt-embeds takes the prompt's place");
    }
    job.request.complex_human_instruction = read_instruction(*a.complex_instruction);
  }
  set_sprint(a, job.request);
  return job;
}

}  // namespace

ImageJob make_image_job(const ImageArguments& arguments) {
  return for_command("image", [&] { return convert(arguments); });
}

}  // namespace swan::cli

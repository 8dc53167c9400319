#include "cli/image_job.h"

#include "cli/generate_job.h"
#include "cli/settings.h"
#include "cli/text_file.h"

namespace swan::cli {

namespace {

ImageJob convert(const ImageArguments& a) {
  ImageJob job;
  if (a.from) repeat(*a.from, request_from_parameters(read_settings(*a.from, "image")), job);
  set_shared(a, a.num_images, job);
  if (a.no_resolution_binning) job.request.use_resolution_binning = false;
  if (a.complex_instruction) {
    if (a.prompt_embeds) {
      throw UsageError("--complex-instruction goes before a prompt, but --prompt-embeds takes the prompt's place");
    }
    job.request.complex_human_instruction = read_instruction(*a.complex_instruction);
  }
  return job;
}

}  // namespace

ImageJob make_image_job(const ImageArguments& arguments) {
  return for_command("image", [&] { return convert(arguments); });
}

}  // namespace swan::cli

#include "cli/image_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/cancel.h"
#include "cli/console.h"
#include "cli/hub_options.h"
#include "cli/image_job.h"
#include "cli/latents.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/runs.h"
#include "cli/settings.h"
#include "cli/stopwatch.h"
#include "cli/values.h"

namespace swan::cli {

namespace {

// Everything about the outputs that can be known beforehand: a run may take minutes.
void check_outputs(const ImageJob& job, const std::vector<std::string>& paths) {
  check_image_path(job.output);
  for (const std::string& path : paths) check_writable(path);
  if (!job.save_latents.empty()) check_writable(job.save_latents);
  if (!job.save_control.empty()) {
    if (std::find(paths.begin(), paths.end(), job.save_control) != paths.end()) {
      throw UsageError(fmt::format("--save-control names '{}', which a picture of the run has", job.save_control),
                       "image");
    }
    check_image_path(job.save_control);
    check_writable(job.save_control);
  }
}

// Writes the pictures of one run, but for those that were blocked.
// @param first  path of its first one
void save_pictures(const ImageJob& job, const ImageResult& result, const std::string* first, size_t begin,
                   const nlohmann::ordered_json& further, ImageRun& run) {
  const size_t count = job.only ? 1 : result.images.size();
  for (size_t i = 0; i < count; ++i) {
    const size_t picture = job.only.value_or(i);
    if (picture >= result.images.size() || picture >= result.parameters.size()) {
      throw Error(ErrorCode::kInternal, fmt::format("picture {} was asked for, but {} were made; please report it.",
                                                    picture, result.images.size()));
    }
    if (picture < result.blocked.size() && result.blocked[picture]) {
      run.blocked.push_back(begin + i);
      continue;
    }
    save_image(first[i], result.images[picture], {{"swan", with_settings(result.parameters[picture], further)}});
    run.files.push_back(first[i]);
  }
}

// Embeds with the settings of a request. A negative prompt has no instruction before it, as in the reference.
Embed embed_with(ImagePipeline& pipeline, const ImageRequest& request, const Callbacks& callbacks) {
  return [&pipeline, &request, &callbacks](const std::vector<std::string>& prompts, bool negative) {
    ImageRequest embedded = request;
    embedded.prompt = prompts;
    if (negative) embedded.complex_human_instruction.emplace();
    return pipeline.embed(embedded, callbacks);
  };
}

}  // namespace

void run_image(const ImageArguments& arguments) {
  const Stopwatch total;
  const std::atomic<bool>& cancelled = cancel_on_signal(arguments.quiet);
  ImageJob job = make_image_job(arguments);
  const std::vector<std::string> paths = output_paths(job.output, job.files());
  check_outputs(job, paths);

  Console console(arguments.quiet, arguments.verbose);
  if (job.threads > 0) set_threads(job.threads);
  for_command("image", [&] { fetch_models(arguments, console, cancelled, job.model, job.load); });
  const std::unique_ptr<ImagePipeline> pipeline = ImagePipeline::open(job.model, job.load);
  Callbacks callbacks;
  callbacks.cancel = &cancelled;
  callbacks.progress = [&console](const std::string& stage, int done, int total) {
    console.progress(stage, done, total);
  };

  ImageRun run;
  const ImageDefaults defaults = pipeline->defaults();
  run.request = job.request;
  run.request.num_inference_steps = job.request.num_inference_steps.value_or(defaults.num_inference_steps);
  run.interpolation = job.interpolation;
  run.prompt_embeds = job.prompt_embeds;
  const Runs<ImageRequest> runs(job, defaults.negative_prompt && job.request.guidance_scale > 1,
                                embed_with(*pipeline, job.request, callbacks));
  std::vector<Tensor> latents;
  double saving = 0;
  for (size_t i = 0; i < runs.size(); ++i) {
    console.begin_run(i, runs.size());
    try {
      run.result = pipeline->generate(runs.request(i), callbacks);
      console.finish();
      if (cancelled) throw cancelled_run(run.files);
      const Stopwatch save;
      if (!job.save_latents.empty()) {
        latents.push_back(run.result.latents);
        if (i + 1 == runs.size()) {
          save_tensor(job.save_latents, "latents", concatenate(latents));
          run.latents = job.save_latents;
        }
      }
      if (!job.save_control.empty() && i == 0 && run.result.control_image) {  // one for all runs
        save_image(job.save_control, *run.result.control_image);
        run.control_image = job.save_control;
      }
      const size_t begin = i * runs.outputs();
      save_pictures(job, run.result, paths.data() + begin, begin, runs.settings(i), run);
      saving += save.seconds();
    } catch (const Error& e) {
      throw failed_run(e, runs.name(i), "picture", run.files);
    }
    run.result.images.clear();
    add_seconds(run.result.seconds, run.seconds);
  }
  run.seconds.emplace_back("save", saving);
  run.seconds.emplace_back("total", total.seconds());

  if (arguments.json) {
    print_out(image_json(run) + "\n");
  } else if (!arguments.quiet) {
    print_out(image_text(run));
  }
}

}  // namespace swan::cli

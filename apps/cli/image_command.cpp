#include "cli/image_command.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "cli/cancel.h"
#include "cli/console.h"
#include "cli/image_job.h"
#include "cli/output.h"
#include "cli/report.h"
#include "swan/error.h"

namespace swan::cli {

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Everything about the outputs that can be known beforehand: a run may take minutes.
void check_outputs(const ImageJob& job) {
  check_image_path(job.output);
  for (const std::string& path : output_paths(job.output, job.files())) check_writable(path);
  if (!job.save_latents.empty()) check_writable(job.save_latents);
}

void save(const ImageJob& job, ImageRun& run) {
  if (!job.save_latents.empty()) {
    save_tensor(job.save_latents, "latents", run.result.latents);
    run.latents = job.save_latents;
  }
  const std::vector<std::string> paths = output_paths(job.output, job.files());
  for (size_t i = 0; i < paths.size(); ++i) {
    const size_t picture = job.only.value_or(i);
    if (picture >= run.result.images.size() || picture >= run.result.parameters.size()) {
      throw Error(ErrorCode::kInternal, fmt::format("picture {} was asked for, but {} were made; please report it.",
                                                    picture, run.result.images.size()));
    }
    try {
      save_image(paths[i], run.result.images[picture], {{"swan", run.result.parameters[picture]}});
    } catch (const Error& e) {
      if (run.files.empty()) throw;
      throw Error(e.code(), fmt::format("{} The pictures before it are complete: {} to {}.", e.what(),
                                        run.files.front(), run.files.back()));
    }
    run.files.push_back(paths[i]);
  }
}

}  // namespace

void run_image(const ImageArguments& arguments) {
  const auto start = std::chrono::steady_clock::now();
  const std::atomic<bool>& cancelled = cancel_on_signal(arguments.quiet);
  const ImageJob job = make_image_job(arguments);
  check_outputs(job);

  Console console(arguments.quiet, arguments.verbose);
  if (job.threads > 0) set_threads(job.threads);

  ImageRun run;
  run.request = job.request;
  const std::unique_ptr<ImagePipeline> pipeline = ImagePipeline::open(job.model, job.load);
  Callbacks callbacks;
  callbacks.cancel = &cancelled;
  callbacks.progress = [&console](const std::string& stage, int done, int total) {
    console.progress(stage, done, total);
  };
  run.result = pipeline->generate(job.request, callbacks);
  console.finish();
  if (cancelled) throw Error(ErrorCode::kCancelled, "cancelled; nothing was written.");

  const auto save_start = std::chrono::steady_clock::now();
  save(job, run);
  run.seconds = run.result.seconds;
  run.seconds.emplace_back("save", seconds_since(save_start));
  run.seconds.emplace_back("total", seconds_since(start));

  if (arguments.json) {
    print_out(image_json(run) + "\n");
  } else if (!arguments.quiet) {
    print_out(image_text(run));
  }
}

}  // namespace swan::cli

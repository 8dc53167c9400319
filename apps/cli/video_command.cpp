#include "cli/video_command.h"

#include <fmt/format.h>

#include <memory>

#include "cli/cancel.h"
#include "cli/console.h"
#include "cli/latents.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/runs.h"
#include "cli/settings.h"
#include "cli/stopwatch.h"
#include "cli/video_job.h"
#include "cli/video_output.h"
#include "cli/video_saver.h"

namespace swan::cli {

namespace {

// The frames that a request for `frames` makes: 1 + 4n.
int64_t rounded_frames(int64_t frames) { return frames - (frames - 1) % 4; }

// Everything about the outputs that can be known beforehand: a run may take hours.
void check_outputs(const VideoJob& job, const VideoDefaults& defaults, const std::vector<std::string>& paths) {
  SaveVideoOptions options = job.save;
  options.num_frames = rounded_frames(job.request.num_frames.value_or(defaults.num_frames));
  check_video_outputs(paths, job.request.width.value_or(defaults.width), job.request.height.value_or(defaults.height),
                      options);
  if (!job.save_latents.empty()) check_writable(job.save_latents);
}

// Where each video of one run goes; an empty path for those that are not written.
std::vector<std::string> paths_of_run(const VideoJob& job, const std::vector<std::string>& paths, size_t begin,
                                      size_t count) {
  if (!job.only)
    return {paths.begin() + static_cast<ptrdiff_t>(begin), paths.begin() + static_cast<ptrdiff_t>(begin + count)};
  std::vector<std::string> one(count);
  one.at(*job.only) = paths.front();
  return one;
}

// The metadata of each video of a plan.
std::vector<ImageMetadata> metadata_of(const VideoPlan& plan, const SaveVideoOptions& save,
                                       const nlohmann::ordered_json& further) {
  std::vector<ImageMetadata> all;
  for (const std::string& parameters : plan.parameters) {
    all.push_back({{"swan", with_settings(with_settings(parameters, file_settings(save)), further)}});
  }
  return all;
}

// Makes the videos of one request and writes them meanwhile. `saver` is left for what it holds.
VideoResult film(VideoPipeline& pipeline, const VideoRequest& request, const Callbacks& common,
                 const std::function<void(const VideoPlan&)>& begin, std::unique_ptr<VideoSaver>& saver) {
  VideoCallbacks callbacks;
  static_cast<Callbacks&>(callbacks) = common;
  callbacks.begin = begin;
  callbacks.frame = [&saver](VideoFrame&& frame) {
    if (!saver) throw Error(ErrorCode::kInternal, "a frame came before the plan of the run; please report it.");
    saver->put(std::move(frame));
  };
  try {
    return pipeline.generate(request, callbacks);
  } catch (...) {
    if (saver) saver->check();  // what the writer said comes first
    throw;
  }
}

Embed embed_with(VideoPipeline& pipeline, int max_sequence_length, const Callbacks& callbacks) {
  return [&pipeline, max_sequence_length, &callbacks](const std::vector<std::string>& prompts, bool) {
    return pipeline.embed(prompts, max_sequence_length, callbacks);
  };
}

}  // namespace

void run_video(const VideoArguments& arguments) {
  const Stopwatch total;
  const std::atomic<bool>& cancelled = cancel_on_signal(arguments.quiet);
  const VideoJob job = make_video_job(arguments);
  check_video_path(job.output);

  Console console(arguments.quiet, arguments.verbose);
  if (job.threads > 0) set_threads(job.threads);
  const std::unique_ptr<VideoPipeline> pipeline = VideoPipeline::open(job.model, job.load);
  const std::vector<std::string> paths = video_paths(job.output, job.files());
  check_outputs(job, pipeline->defaults(), paths);
  Callbacks callbacks;
  callbacks.cancel = &cancelled;
  callbacks.progress = [&console](const std::string& stage, int done, int total) {
    console.progress(stage, done, total);
  };

  VideoRun run;
  run.request = job.request;
  run.request.num_inference_steps = job.request.num_inference_steps.value_or(pipeline->defaults().num_inference_steps);
  run.request.guidance_scale = job.request.guidance_scale.value_or(pipeline->defaults().guidance_scale);
  run.interpolation = job.interpolation;
  run.prompt_embeds = job.prompt_embeds;
  run.fps = job.save.fps;
  const Runs<VideoRequest> runs(job, *run.request.guidance_scale > 1,
                                embed_with(*pipeline, job.request.max_sequence_length, callbacks));
  std::vector<Tensor> latents;
  double saving = 0;
  for (size_t i = 0; i < runs.size(); ++i) {
    console.begin_run(i, runs.size());
    const size_t begin = i * runs.outputs();
    std::unique_ptr<VideoSaver> saver;
    const auto start = [&](const VideoPlan& plan) {
      SaveVideoOptions options = job.save;
      options.num_frames = plan.num_frames;
      saver = std::make_unique<VideoSaver>(paths_of_run(job, paths, begin, runs.outputs()),
                                           metadata_of(plan, job.save, runs.settings(i)), options);
    };
    const auto complete = [&] {
      std::vector<std::string> files = run.files;
      if (saver) {
        for (const std::string& file : saver->files()) files.push_back(file);
      }
      return files;
    };
    try {
      run.result = film(*pipeline, runs.request(i), callbacks, start, saver);
      console.finish();
      if (cancelled) throw cancelled_run(complete());
      const Stopwatch save;
      if (saver) {
        saver->finish();
        run.files = complete();
        saver.reset();
      }
      if (!job.save_latents.empty()) {
        latents.push_back(run.result.latents);
        if (i + 1 == runs.size()) {
          save_tensor(job.save_latents, "latents", concatenate(latents));
          run.latents = job.save_latents;
        }
      }
      saving += save.seconds();
    } catch (const Error& e) {
      throw failed_run(e, runs.name(i), "video", complete());
    }
    for (size_t video = 0; video < run.result.blocked.size(); ++video) {
      if (run.result.blocked[video]) run.blocked.push_back(begin + video);
    }
    add_seconds(run.result.seconds, run.seconds);
  }
  run.seconds.emplace_back("save", saving);
  run.seconds.emplace_back("total", total.seconds());

  if (arguments.json) {
    print_out(video_json(run) + "\n");
  } else if (!arguments.quiet) {
    print_out(video_text(run));
  }
}

}  // namespace swan::cli

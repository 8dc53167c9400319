#include "cli/video_command.h"

#include <fmt/format.h>

#include <memory>

#include "cli/cancel.h"
#include "cli/console.h"
#include "cli/hub_options.h"
#include "cli/latents.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/runs.h"
#include "cli/settings.h"
#include "cli/stopwatch.h"
#include "cli/values.h"
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

Embed embed_with(VideoPipeline& pipeline, int max_sequence_length, const Callbacks& callbacks) {
  return [&pipeline, max_sequence_length, &callbacks](const std::vector<std::string>& prompts, bool /*negative*/) {
    return pipeline.embed(prompts, max_sequence_length, callbacks);
  };
}

// The job with the values that the model gives where it has none, for the report.
VideoRun started(const VideoJob& job, const VideoDefaults& defaults) {
  VideoRun run;
  run.request = job.request;
  run.request.num_inference_steps = job.request.num_inference_steps.value_or(defaults.num_inference_steps);
  run.request.guidance_scale = job.request.guidance_scale.value_or(defaults.guidance_scale);
  run.interpolation = job.interpolation;
  run.prompt_embeds = job.prompt_embeds;
  run.fps = job.save.fps;
  return run;
}

// A job at work.
class Filming {
 public:
  Filming(const VideoJob& job, VideoPipeline& pipeline, std::vector<std::string> paths, const Callbacks& callbacks)
      : job_(job),
        pipeline_(pipeline),
        paths_(std::move(paths)),
        callbacks_(callbacks),
        run_(started(job, pipeline.defaults())),
        runs_(job, *run_.request.guidance_scale > 1,
              embed_with(pipeline, job.request.max_sequence_length, callbacks_)) {}

  VideoRun run(Console& console) {
    double saving = 0;
    for (size_t i = 0; i < runs_.size(); ++i) {
      console.begin_run(i, runs_.size());
      try {
        make(i);
        console.finish();
        if (*callbacks_.cancel) throw cancelled_run(complete());
        const Stopwatch save;
        keep(i);
        saving += save.seconds();
      } catch (const Error& e) {
        throw failed_run(e, runs_.name(i), "video", complete());
      }
    }
    run_.seconds.emplace_back("save", saving);
    return std::move(run_);
  }

 private:
  // Makes the videos of one request, which are written meanwhile; saver_ holds the last one.
  void make(size_t index) {
    saver_.reset();
    VideoCallbacks callbacks;
    static_cast<Callbacks&>(callbacks) = callbacks_;
    callbacks.begin = [&](const VideoPlan& plan) {
      SaveVideoOptions options = job_.save;
      options.num_frames = plan.num_frames;
      saver_ = std::make_unique<VideoSaver>(paths_of_run(job_, paths_, index * runs_.outputs(), runs_.outputs()),
                                            metadata_of(plan, job_.save, runs_.settings(index)), options);
    };
    callbacks.frame = [&](VideoFrame&& frame) {
      if (!saver_) throw Error(ErrorCode::kInternal, "a frame came before the plan of the run; please report it.");
      saver_->put(std::move(frame));
    };
    try {
      run_.result = pipeline_.generate(runs_.request(index), callbacks);
    } catch (...) {
      if (saver_) saver_->check();  // what the writer said comes first
      throw;
    }
  }

  // Completes the last video of a request, and after the last request the latents of all.
  void keep(size_t index) {
    if (saver_) saver_->finish();
    run_.files = complete();
    saver_.reset();
    for (size_t video = 0; video < run_.result.blocked.size(); ++video) {
      if (run_.result.blocked[video]) run_.blocked.push_back(index * runs_.outputs() + video);
    }
    add_seconds(run_.result.seconds, run_.seconds);
    if (job_.save_latents.empty()) return;
    latents_.push_back(run_.result.latents);
    if (index + 1 < runs_.size()) return;
    save_tensor(job_.save_latents, "latents", concatenate(latents_));
    run_.latents = job_.save_latents;
  }

  // The videos that have their names.
  std::vector<std::string> complete() const {
    std::vector<std::string> files = run_.files;
    if (saver_) {
      for (const std::string& file : saver_->files()) files.push_back(file);
    }
    return files;
  }

  const VideoJob& job_;
  VideoPipeline& pipeline_;
  const std::vector<std::string> paths_;
  const Callbacks callbacks_;
  VideoRun run_;
  const Runs<VideoRequest> runs_;
  std::unique_ptr<VideoSaver> saver_;  ///< of the request that runs
  std::vector<Tensor> latents_;        ///< of the requests so far
};

}  // namespace

void run_video(const VideoArguments& arguments) {
  const Stopwatch total;
  const std::atomic<bool>& cancelled = cancel_on_signal(arguments.quiet);
  VideoJob job = make_video_job(arguments);
  check_video_path(job.output);

  Console console(arguments.quiet, arguments.verbose);
  if (job.threads > 0) set_threads(job.threads);
  for_command("video", [&] { fetch_models(arguments, console, cancelled, job.model, job.load); });
  const std::unique_ptr<VideoPipeline> pipeline = VideoPipeline::open(job.model, job.load);
  const std::vector<std::string> paths = video_paths(job.output, job.files());
  check_outputs(job, pipeline->defaults(), paths);
  Callbacks callbacks;
  callbacks.cancel = &cancelled;
  callbacks.progress = [&console](const std::string& stage, int done, int all) { console.progress(stage, done, all); };
  VideoRun run = Filming(job, *pipeline, paths, callbacks).run(console);
  run.seconds.emplace_back("total", total.seconds());

  if (arguments.json) {
    print_out(video_json(run) + "\n");
  } else if (!arguments.quiet) {
    print_out(video_text(run));
  }
}

}  // namespace swan::cli

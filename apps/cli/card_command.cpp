#include "cli/card_command.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/cancel.h"
#include "cli/console.h"
#include "cli/model_options.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/values.h"
#include "cli/video_saver.h"
#include "swan/hub.h"
#include "swan/image.h"
#include "swan/video_pipeline.h"

namespace swan::cli {

namespace {

namespace fs = std::filesystem;

struct CardJob {
  std::string folder, output;
  std::vector<std::string> samples;  ///< prompts
  CardOptions options;
  bool force = false;
};

CardJob convert(const CardArguments& a) {
  check_report(a);
  CardJob job;
  if (!a.folder || a.folder->empty())
    throw UsageError("the model is missing; for example: swan card out/ --license mit");
  job.folder = *a.folder;
  job.output = a.output.value_or((fs::path(job.folder) / "README.md").string());
  if (job.output.empty()) throw UsageError("--output is empty; name a file, or leave it out");
  job.samples = a.sample;
  if (job.output == "-" && a.json) throw UsageError("--output - and --json both print to standard output; give one");
  if (job.output == "-" && !job.samples.empty()) {
    throw UsageError("--sample puts files beside the card, but --output - has none; name a file");
  }
  job.options.license = a.license.value_or("");
  job.options.base_model = a.base_model.value_or("");
  job.options.repo = a.repo.value_or("");
  job.options.tags = a.tag;
  job.force = a.force;
  return job;
}

void make_picture(const CardJob& job, const std::string& prompt, const std::string& path, const Callbacks& callbacks) {
  const std::unique_ptr<ImagePipeline> pipeline = ImagePipeline::open(job.folder);
  ImageRequest request;
  request.prompt = {prompt};
  const ImageResult result = pipeline->generate(request, callbacks);
  save_image(path, result.images.at(0), {{"swan", result.parameters.at(0)}});
}

void make_video(const CardJob& job, const std::string& prompt, const std::string& path, const Callbacks& callbacks) {
  const std::unique_ptr<VideoPipeline> pipeline = VideoPipeline::open(job.folder);
  VideoRequest request;
  request.prompt = {prompt};
  std::unique_ptr<VideoSaver> saver;
  VideoCallbacks filming;
  static_cast<Callbacks&>(filming) = callbacks;
  filming.begin = [&](const VideoPlan& plan) {
    SaveVideoOptions options;
    options.num_frames = plan.num_frames;
    saver = std::make_unique<VideoSaver>(std::vector<std::string>{path},
                                         std::vector<ImageMetadata>{{{"swan", plan.parameters.at(0)}}}, options);
  };
  filming.frame = [&](VideoFrame&& frame) { saver->put(std::move(frame)); };
  (void)pipeline->generate(request, filming);
  saver->finish();
}

// Makes what the card shows, in a folder beside it.
std::vector<CardSample> make_samples(const CardJob& job, const Callbacks& callbacks) {
  std::vector<CardSample> samples;
  if (job.samples.empty()) return samples;
  const bool video = model_kind(job.folder) == "video";
  const fs::path beside = fs::path(job.output).parent_path();
  std::error_code error;
  fs::create_directories(beside / "samples", error);
  for (size_t i = 0; i < job.samples.size(); ++i) {
    const std::string file = fmt::format("samples/sample_{}.{}", i, video ? "webp" : "png");
    const std::string path = (beside / file).string();
    if (!job.force && fs::exists(path, error)) {
      throw UsageError(fmt::format("'{}' is there already; give --force to replace it", path));
    }
    check_writable(path);
    (video ? make_video : make_picture)(job, job.samples[i], path, callbacks);
    samples.push_back({.file = file, .prompt = job.samples[i]});
  }
  return samples;
}

}  // namespace

void run_card(const CardArguments& arguments) {
  const std::atomic<bool>& cancelled = cancel_on_signal(arguments.quiet);
  for_command("card", [&] {
    CardJob job = convert(arguments);
    // Before minutes are spent on samples: what is wrong with the model or the options, and whether a card is there.
    std::string card = model_card(job.folder, job.options);
    std::error_code error;
    if (!job.force && job.output != "-" && fs::exists(fs::symlink_status(job.output, error))) {
      throw UsageError(
          fmt::format("'{}' is there already; give --force to replace it, or another name with --output", job.output));
    }
    Console console(arguments.quiet, arguments.verbose);
    Callbacks callbacks;
    callbacks.cancel = &cancelled;
    callbacks.progress = [&console](const std::string& stage, int done, int all) {
      console.progress(stage, done, all);
    };
    job.options.samples = make_samples(job, callbacks);
    console.finish();
    if (!job.options.samples.empty()) card = model_card(job.folder, job.options);
    if (job.options.license.empty()) console.say("the card names no licence; --license says which");
    if (job.output == "-") return print_out(card);
    write_model_card(job.output, card, job.force);
    if (arguments.json) {
      nlohmann::ordered_json json = {{"output", job.output}, {"samples", nlohmann::ordered_json::array()}};
      for (const CardSample& sample : job.options.samples)
        json["samples"].push_back({{"file", sample.file}, {"prompt", sample.prompt}});
      print_out(one_line(json) + "\n");
    } else if (!arguments.quiet) {
      print_out(job.output + "\n");
    }
  });
}

}  // namespace swan::cli

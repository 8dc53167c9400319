#include "cli/video_job.h"

#include <fmt/format.h>

#include "cli/generate_job.h"
#include "cli/limits.h"
#include "cli/sampling_options.h"
#include "cli/settings.h"
#include "cli/video_output.h"

namespace swan::cli {

namespace {

// The inverse of file_settings. A factor of another format's scale would be another quality.
void repeat_file(const nlohmann::ordered_json& settings, bool same_format, SaveVideoOptions& save) {
  if (settings.contains("fps") && settings["fps"].is_number()) save.fps = settings["fps"].get<double>();
  if (same_format && settings.contains("crf") && settings["crf"].is_number_integer()) {
    save.crf = settings["crf"].get<int>();
  }
}

// Frames to start from.
void set_start(const VideoArguments& a, VideoRequest& request) {
  set_strength(a, a.video || a.image, "--video FILE, the clip to start from, or --image FILE", request);
  if (!a.video && !a.image) return;
  if (a.video && a.image) throw UsageError("--video and --image both say what to start from; give one of them");
  if (a.latents) throw UsageError("--video or --image and --latents all say what to start from; give one of them");
  constexpr int64_t kFrames = 81;  // without --num-frames: what models make by default
  request.video =
      a.video ? read_video(*a.video, request.num_frames.value_or(kFrames)) : std::vector<Image>{read_image(*a.image)};
}

VideoJob convert(const VideoArguments& a) {
  VideoJob job;
  std::string settings;
  if (a.from) {
    std::vector<std::string> replaced;
    if (a.video || a.image) replaced.emplace_back("video");
    if (a.mask) replaced.emplace_back("mask");
    settings = settings_to_repeat(a, "video", replaced);
    repeat(*a.from, video_request_from_parameters(settings), job);
  }
  if (a.preset) unset_preset(job.request);
  set_shared(a, a.num_videos, job);
  if (a.preset) apply_preset(parse_choice("--preset", *a.preset, preset_choices()), job.request);
  if (a.num_frames) job.request.num_frames = parse_integer("--num-frames", *a.num_frames, 1, kMaxFrames);
  set_start(a, job.request);

  const std::string extension = video_extension(job.output);
  if (a.from) repeat_file(parse_settings(settings), video_extension(*a.from) == extension, job.save);
  if (a.fps) job.save.fps = parse_number("--fps", *a.fps, 0.01, 1000);
  if (a.crf) {
    if (extension != ".mp4" && extension != ".webm") {
      throw UsageError(fmt::format("--crf is for .mp4 and .webm, but the output is '{}'; leave it out", job.output));
    }
    job.save.crf = parse_int("--crf", *a.crf, 1, extension == ".mp4" ? 51 : 63);
  }
  return job;
}

}  // namespace

VideoJob make_video_job(const VideoArguments& arguments) {
  return for_command("video", [&] { return convert(arguments); });
}

nlohmann::ordered_json file_settings(const SaveVideoOptions& save) {
  nlohmann::ordered_json settings;
  settings["fps"] = save.fps;
  if (save.crf) settings["crf"] = *save.crf;
  return settings;
}

}  // namespace swan::cli

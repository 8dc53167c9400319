#include "cli/report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "cli/settings.h"
#include "swan/progress.h"

namespace swan::cli {

namespace {

using Json = nlohmann::ordered_json;
using Seconds = std::vector<std::pair<std::string, double>>;

// The settings that the pipeline recorded for the first output.
template <typename Run>
Json recorded(const Run& run) {
  return run.result.parameters.empty() ? Json::object() : parse_settings(run.result.parameters.front());
}

Json seconds_json(const Seconds& seconds) {
  Json json = Json::object();
  for (const auto& [stage, time] : seconds) json[stage] = std::round(time * 1e6) / 1e6;
  return json;
}

std::string seconds_text(const Seconds& seconds) {
  std::vector<std::string> stages;
  for (const auto& [stage, time] : seconds) {
    stages.push_back(fmt::format("{} {}", stage, time < 1 ? fmt::format("{:.2f} s", time) : format_seconds(time)));
  }
  return fmt::format("  time     {}\n", fmt::join(stages, ", "));
}

// What comes before the size: files, prompts, seeds.
template <typename Run>
Json begin_json(const Run& run) {
  Json json;
  json["files"] = run.files;
  if (!run.blocked.empty()) json["blocked"] = run.blocked;
  if (!run.latents.empty()) json["latents"] = run.latents;
  json["prompt"] = run.request.prompt;
  if (run.interpolation) {
    json["prompt_to"] = run.interpolation->prompt_to;
    json["interpolate"] = run.interpolation->count;
    json["interpolation"] = run.interpolation->spherical ? "spherical" : "linear";
  }
  if (!run.prompt_embeds.empty()) json["prompt_embeds"] = run.prompt_embeds;
  json["negative_prompt"] = run.request.negative_prompt;
  json["seed"] = run.request.seed.front();
  json["seeds"] = run.request.seed;
  json["width"] = run.result.width;
  json["height"] = run.result.height;
  return json;
}

template <typename Run>
void end_json(const Run& run, const Json& parameters, Json& json) {
  for (const char* key : {"model", "loras", "scheduler", "dtype", "device", "version"}) {
    if (parameters.contains(key)) json[key] = parameters[key];
  }
  json["seconds"] = seconds_json(run.seconds);
}

template <typename Run>
std::string begin_text(const Run& run) {
  std::string out;
  for (const std::string& file : run.files) out += file + "\n";
  if (!run.latents.empty()) out += fmt::format("{} (latents)\n", run.latents);
  if (!run.blocked.empty()) out += fmt::format("  blocked  {}\n", fmt::join(run.blocked, ", "));
  return out;
}

// A line for each LoRA: file, scale, and how many of its tensors were used.
std::string loras_text(const Json& parameters) {
  std::string out;
  if (!parameters.contains("loras")) return out;
  for (const Json& lora : parameters["loras"]) {
    const auto keys = lora.value("keys", size_t{0}), unused = lora.value("unused_keys", size_t{0});
    out += fmt::format("  lora     {}, scale {:g}: {} tensors used, {} not\n", lora.value("path", std::string()),
                       lora.value("scale", 1.0), keys - unused, unused);
  }
  return out;
}

// LoRAs, seed, steps and times.
template <typename Run>
std::string end_text(const Run& run, int steps, double guidance_scale) {
  const Json parameters = recorded(run);
  const std::string scheduler = parameters.contains("scheduler") && parameters["scheduler"].is_string()
                                    ? ", " + parameters["scheduler"].template get<std::string>()
                                    : "";
  std::string out = loras_text(parameters);
  out += fmt::format("  seed     {}\n", fmt::join(run.request.seed, ","));
  out += fmt::format("  steps    {}, guidance {:g}{}\n", steps, guidance_scale, scheduler);
  return out + seconds_text(run.seconds);
}

std::string bytes_text(size_t bytes) { return format_bytes(static_cast<double>(bytes)); }

double duration(const VideoRun& run) { return static_cast<double>(run.result.num_frames) / run.fps; }

}  // namespace

std::string one_line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string image_json(const ImageRun& run) {
  Json json = begin_json(run);
  if (!run.control_image.empty()) json["control_image"] = run.control_image;
  json["steps"] = run.request.num_inference_steps.value_or(0);
  json["guidance_scale"] = run.request.guidance_scale;
  end_json(run, recorded(run), json);
  json["peak_memory_bytes"] = run.result.peak_bytes;
  return one_line(json);
}

std::string image_text(const ImageRun& run) {
  std::string out = begin_text(run);
  if (!run.control_image.empty()) out += fmt::format("{} (control image)\n", run.control_image);
  out += fmt::format("  picture  {} x {} pixels\n", run.result.width, run.result.height);
  out += end_text(run, run.request.num_inference_steps.value_or(0), run.request.guidance_scale);
  return out + fmt::format("  memory   {} at the peak\n", bytes_text(run.result.peak_bytes));
}

std::string video_json(const VideoRun& run) {
  Json json = begin_json(run);
  json["num_frames"] = run.result.num_frames;
  json["fps"] = run.fps;
  json["duration"] = std::round(duration(run) * 1e6) / 1e6;
  json["steps"] = run.request.num_inference_steps.value_or(0);
  json["guidance_scale"] = run.request.guidance_scale.value_or(0);
  end_json(run, recorded(run), json);
  Json stages = Json::object();
  for (const auto& [stage, bytes] : run.result.stage_peak_bytes) stages[stage] = bytes;
  json["stage_peak_bytes"] = std::move(stages);
  json["peak_memory_bytes"] = run.result.peak_bytes;
  return one_line(json);
}

std::string video_text(const VideoRun& run) {
  std::string out = begin_text(run);
  out +=
      fmt::format("  video    {} x {} pixels, {} frame{}, {:.2f} s at {:g} fps\n", run.result.width, run.result.height,
                  run.result.num_frames, run.result.num_frames == 1 ? "" : "s", duration(run), run.fps);
  out += end_text(run, run.request.num_inference_steps.value_or(0), run.request.guidance_scale.value_or(0));
  std::vector<std::string> stages;
  for (const auto& [stage, bytes] : run.result.stage_peak_bytes) {
    stages.push_back(fmt::format("{} {}", stage, bytes_text(bytes)));
  }
  out += fmt::format("  memory   {} at the peak", bytes_text(run.result.peak_bytes));
  return out + (stages.empty() ? "\n" : fmt::format("; {}\n", fmt::join(stages, ", ")));
}

namespace {

// How many tokens each row has.
std::vector<int64_t> tokens(const PromptEmbeddings& embeddings) {
  std::vector<int64_t> counts(static_cast<size_t>(embeddings.embeds.dim(0)), 0);
  const auto* mask = embeddings.attention_mask.data<int32_t>();
  const int64_t length = embeddings.embeds.dim(1);
  for (size_t row = 0; row < counts.size(); ++row) {
    for (int64_t i = 0; i < length; ++i) counts[row] += *mask++;
  }
  return counts;
}

}  // namespace

std::string embed_json(const EmbedRun& run) {
  Json json;
  json["files"] = {run.file};
  json["prompt"] = run.prompt;
  if (!run.negative_prompt.empty()) json["negative_prompt"] = run.negative_prompt;
  json["shape"] = run.embeddings.embeds.shape().dims();
  json["tokens"] = tokens(run.embeddings);
  json["kind"] = run.kind;
  json["model"] = run.model;
  json["seconds"] = seconds_json(run.seconds);
  return one_line(json);
}

std::string embed_text(const EmbedRun& run) {
  std::string out = run.file + "\n";
  out += fmt::format("  prompts  {}{}\n", run.prompt.size(),
                     run.negative_prompt.empty() ? "" : fmt::format(", and {} negative", run.negative_prompt.size()));
  out += fmt::format("  shape    {}\n", run.embeddings.embeds.shape().str());
  out += fmt::format("  tokens   {}\n", fmt::join(tokens(run.embeddings), ", "));
  return out + seconds_text(run.seconds);
}

std::string error_json(const std::string& code, const std::string& message) {
  Json json;
  json["error"]["code"] = code;
  json["error"]["message"] = message;
  return one_line(json);
}

}  // namespace swan::cli

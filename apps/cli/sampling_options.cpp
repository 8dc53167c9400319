#include "cli/sampling_options.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "cli/latents.h"
#include "cli/limits.h"
#include "cli/values.h"

namespace swan::cli {

namespace {

std::vector<std::string> names_of(const std::vector<std::pair<std::string, std::string>>& described) {
  std::vector<std::string> names;
  names.reserve(described.size());
  for (const auto& [name, description] : described) names.push_back(name);
  return names;
}

// Lists and their length: what is given here stands for all of what --from said.
template <typename Request>
void set_steps(const SamplingArguments& a, Request& request) {
  if (a.sigmas && a.timesteps) throw UsageError("--sigmas and --timesteps cannot both be given; give one of them");
  if (a.num_inference_steps || a.sigmas || a.timesteps) {
    request.sigmas.clear();
    request.timesteps.clear();
  }
  if (a.num_inference_steps) {
    request.num_inference_steps = parse_int("--steps", *a.num_inference_steps, 1, kMaxSteps);
  }
  if (!a.sigmas && !a.timesteps) return;
  const char* option = a.sigmas ? "--sigmas" : "--timesteps";
  const std::vector<double> list = parse_numbers(option, a.sigmas ? *a.sigmas : *a.timesteps);
  // The angles of Sana-Sprint may end with the 0 that is no step.
  const int count = static_cast<int>(list.size()) - (a.timesteps && list.size() > 1 && list.back() == 0 ? 1 : 0);
  if (a.num_inference_steps && request.num_inference_steps != count) {
    throw UsageError(fmt::format("{} has {} values, but --steps is {}; leave --steps out, or give as many values",
                                 option, count, *a.num_inference_steps));
  }
  request.num_inference_steps = count;
  (a.sigmas ? request.sigmas : request.timesteps) = list;
}

template <typename Request>
void set(const SamplingArguments& a, Request& request) {
  if (a.width) request.width = parse_integer("--width", *a.width, 1, kMaxSide);
  if (a.height) request.height = parse_integer("--height", *a.height, 1, kMaxSide);
  set_steps(a, request);
  if (a.guidance_scale) request.guidance_scale = parse_number("--guidance-scale", *a.guidance_scale);
  if (a.scheduler) request.scheduler = parse_choice("--scheduler", *a.scheduler, scheduler_choices());
  if (a.flow_shift) request.flow_shift = parse_number("--flow-shift", *a.flow_shift, 0.001, 1000);
  if (a.sigma_schedule) {
    request.sigma_schedule = parse_choice("--sigma-schedule", *a.sigma_schedule, sigma_schedule_choices());
  }
  if (a.max_sequence_length) request.max_sequence_length = parse_max_sequence_length(*a.max_sequence_length);
  if (a.latents) request.latents = read_latents(*a.latents);
}

}  // namespace

void set_sampling(const SamplingArguments& arguments, ImageRequest& request) { set(arguments, request); }
void set_sampling(const SamplingArguments& arguments, VideoRequest& request) { set(arguments, request); }

int parse_max_sequence_length(const std::string& text) {
  return parse_int("--max-sequence-length", text, 1, std::numeric_limits<int>::max());
}

void unset_preset(VideoRequest& request) {
  request.num_inference_steps.reset();
  request.guidance_scale.reset();
  request.flow_shift.reset();
  request.scheduler.clear();
  request.sigma_schedule.clear();
  request.sigmas.clear();
  request.timesteps.clear();
}

std::vector<std::string> scheduler_choices() { return names_of(scheduler_names()); }
std::vector<std::string> sigma_schedule_choices() { return names_of(sigma_schedule_names()); }
std::vector<std::string> preset_choices() {
  std::vector<std::string> names;
  for (const VideoPreset& preset : video_presets()) names.push_back(preset.name);
  return names;
}

}  // namespace swan::cli

#include "cli/sampling_options.h"

#include <limits>

#include "cli/latents.h"
#include "cli/limits.h"
#include "cli/values.h"

namespace swan::cli {

namespace {

template <typename Request>
void set(const SamplingArguments& a, Request& request) {
  if (a.width) request.width = parse_integer("--width", *a.width, 1, kMaxSide);
  if (a.height) request.height = parse_integer("--height", *a.height, 1, kMaxSide);
  if (a.num_inference_steps) {
    request.num_inference_steps = parse_int("--steps", *a.num_inference_steps, 1, kMaxSteps);
  }
  if (a.guidance_scale) request.guidance_scale = parse_number("--guidance-scale", *a.guidance_scale);
  if (a.scheduler) request.scheduler = parse_choice("--scheduler", *a.scheduler, scheduler_choices());
  if (a.flow_shift) request.flow_shift = parse_number("--flow-shift", *a.flow_shift, 0.001, 1000);
  if (a.max_sequence_length) request.max_sequence_length = parse_max_sequence_length(*a.max_sequence_length);
  if (a.latents) request.latents = read_latents(*a.latents);
}

}  // namespace

void set_sampling(const SamplingArguments& arguments, ImageRequest& request) { set(arguments, request); }
void set_sampling(const SamplingArguments& arguments, VideoRequest& request) { set(arguments, request); }

int parse_max_sequence_length(const std::string& text) {
  return parse_int("--max-sequence-length", text, 1, std::numeric_limits<int>::max());
}

std::vector<std::string> scheduler_choices() {
  std::vector<std::string> names;
  for (const auto& [name, description] : scheduler_names()) names.push_back(name);
  return names;
}

}  // namespace swan::cli

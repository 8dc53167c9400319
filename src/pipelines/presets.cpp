#include "core/error.h"
#include "swan/video_pipeline.h"

namespace swan {

// What each was distilled for, as its own code runs it; docs/SCHEDULERS.md says where that was read.
const std::vector<VideoPreset>& video_presets() {
  static const std::vector<VideoPreset> presets = {
      {.name = "fastwan",
       .description = "FastWan and its LoRAs: 3 steps of DMD",
       .num_inference_steps = 3,
       .flow_shift = 8,
       .scheduler = "dmd",
       .timesteps = {1000, 757, 522}},
      {.name = "causvid",
       .description = "CausVid's bidirectional students and LoRAs: 3 steps of DMD",
       .num_inference_steps = 3,
       .flow_shift = 8,
       .scheduler = "dmd",
       .timesteps = {1000, 757, 522}},
      {.name = "self-forcing",
       .description = "Self-Forcing's kind with full attention: 4 steps of DMD, warped",
       .num_inference_steps = 4,
       .flow_shift = 5,
       .scheduler = "dmd",
       .sigmas = {1, 0.75, 0.5, 0.25}},
      {.name = "lightx2v",
       .description = "lightx2v's step and guidance distillation, models and LoRAs: 4 steps of Euler's",
       .num_inference_steps = 4,
       .flow_shift = 5,
       .scheduler = "flow-euler",
       .sigmas = {1, 0.75, 0.5, 0.25}},
      // The times of the flow, sin(a) / (sin(a) + cos(a)), at rCM's angles atan(80), 1.5, 1.4 and 1.
      {.name = "rcm",
       .description = "rCM: 4 steps of a consistency model",
       .num_inference_steps = 4,
       .flow_shift = 1,
       .scheduler = "dmd",
       .sigmas = {80.0 / 81, 0.933781061416858, 0.852895394823775, 0.608979049230431}}};
  return presets;
}

void apply_preset(const std::string& name, VideoRequest& request) {
  std::string known;
  for (const VideoPreset& p : video_presets()) {
    known += (known.empty() ? "" : ", ") + p.name;
    if (p.name != name) continue;
    if (request.sigmas.empty() && request.timesteps.empty()) {
      if (!request.num_inference_steps) request.num_inference_steps = p.num_inference_steps;
      if (request.scheduler.empty() && request.num_inference_steps == p.num_inference_steps) {
        request.sigmas = p.sigmas;
        request.timesteps = p.timesteps;
      }
    }
    if (!request.guidance_scale) request.guidance_scale = p.guidance_scale;
    if (!request.flow_shift) request.flow_shift = p.flow_shift;
    if (request.scheduler.empty()) request.scheduler = p.scheduler;
    return;
  }
  fail(ErrorCode::kInvalidArgument, "unknown preset '{}'; choose one of {}.", name, known);
}

}  // namespace swan

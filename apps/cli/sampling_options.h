#pragma once

#include <string>
#include <vector>

#include "cli/arguments.h"
#include "swan/pipeline.h"
#include "swan/video_pipeline.h"

namespace swan::cli {

/// Sets size, steps, guidance, solver and its levels of noise, length of the prompt and initial latents, as far as they
/// are given. A number of steps replaces lists of levels and timesteps that a file of --from had, and a list the
/// number.
/// @throws UsageError for a value that cannot be meant; Error for a file that cannot be used
void set_sampling(const SamplingArguments& arguments, ImageRequest& request);
void set_sampling(const SamplingArguments& arguments, VideoRequest& request);

/// Takes what --preset sets out of the request, so that apply_preset sets it: what a file of --from said.
void unset_preset(VideoRequest& request);

/// The names that --scheduler, --sigma-schedule and --preset take.
[[nodiscard]] std::vector<std::string> scheduler_choices();
[[nodiscard]] std::vector<std::string> sigma_schedule_choices();
[[nodiscard]] std::vector<std::string> preset_choices();

/// --max-sequence-length
[[nodiscard]] int parse_max_sequence_length(const std::string& text);

}  // namespace swan::cli

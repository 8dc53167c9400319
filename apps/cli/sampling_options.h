#pragma once

#include <string>
#include <vector>

#include "cli/arguments.h"
#include "swan/pipeline.h"
#include "swan/video_pipeline.h"

namespace swan::cli {

/// Sets size, steps, guidance, solver, length of the prompt and initial latents, as far as they are given.
/// @throws UsageError for a value that cannot be meant; Error for a file that cannot be used
void set_sampling(const SamplingArguments& arguments, ImageRequest& request);
void set_sampling(const SamplingArguments& arguments, VideoRequest& request);

/// The names that --scheduler takes.
[[nodiscard]] std::vector<std::string> scheduler_choices();

/// --max-sequence-length
[[nodiscard]] int parse_max_sequence_length(const std::string& text);

}  // namespace swan::cli

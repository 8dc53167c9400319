#pragma once

#include <optional>
#include <string>

#include "cli/job.h"

namespace swan::cli {

/// Sets seeds and the number of pictures or videos of each prompt, which depend on one another: as many seeds as
/// outputs, or one for all. The prompts must be set. @param count  of --num-images or --num-videos
/// @throws UsageError
void set_seeds(const std::optional<std::string>& seed, const std::optional<std::string>& count, bool from,
               Job<ImageRequest>& job);
void set_seeds(const std::optional<std::string>& seed, const std::optional<std::string>& count, bool from,
               Job<VideoRequest>& job);

}  // namespace swan::cli

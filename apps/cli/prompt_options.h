#pragma once

#include "cli/arguments.h"
#include "cli/job.h"

namespace swan::cli {

/// Sets what is drawn: prompts, or a file of them, or embeddings in their place, and the way to another prompt.
/// @throws UsageError where they contradict each other; Error for a file that cannot be used
void set_prompts(const PromptArguments& arguments, Job<ImageRequest>& job);
void set_prompts(const PromptArguments& arguments, Job<VideoRequest>& job);

}  // namespace swan::cli

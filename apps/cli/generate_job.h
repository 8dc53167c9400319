#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/arguments.h"
#include "cli/job.h"
#include "cli/model_options.h"
#include "cli/prompt_options.h"
#include "cli/sampling_options.h"
#include "cli/seed_options.h"
#include "cli/values.h"
#include "swan/error.h"
#include "swan/image.h"

namespace swan::cli {

/// The settings of --from, without what the other options replace: noise or embeddings of files that are given again.
/// @param replaced  further keys that they replace
/// @throws UsageError, Error  see read_settings
[[nodiscard]] std::string settings_to_repeat(const GenerateArguments& arguments, const std::string& command,
                                             std::vector<std::string> replaced = {});

/// Starts a job from what a file of --from says. @param repeatable  RepeatableRequest or RepeatableVideoRequest
/// @throws Error kCorruptFile when the file names a picture or video that its own request does not make
template <typename Repeatable, typename Request>
void repeat(const std::string& path, Repeatable repeatable, Job<Request>& job) {
  job.model = std::move(repeatable.model);
  job.load = std::move(repeatable.load);
  job.request = std::move(repeatable.request);
  if (job.outputs() == 0) return;  // it was made from embeddings, which other options replace
  if (repeatable.index < 0 || static_cast<size_t>(repeatable.index) >= job.outputs()) {
    throw Error(ErrorCode::kCorruptFile, fmt::format("cannot repeat '{}': it says that it is {} {} of {}.", path,
                                                     RequestKind<Request>::kNoun, repeatable.index, job.outputs()));
  }
  job.only = static_cast<size_t>(repeatable.index);
}

/// Sets what `swan image` and `swan video` share, over what --from said. @param count  --num-images or --num-videos
/// @throws UsageError, Error
template <typename Request>
void set_shared(const GenerateArguments& a, const std::optional<std::string>& count, Job<Request>& job) {
  check_report(a);
  if (a.output) job.output = *a.output;
  if (a.save_latents) {
    if (a.save_latents->empty()) throw UsageError("--save-latents is empty; name a file, or leave it out");
    if (job.output == *a.save_latents) {
      throw UsageError(fmt::format("--output and --save-latents are the same file '{}'", job.output));
    }
    job.save_latents = *a.save_latents;
  }
  set_prompts(a, job);
  set_seeds(a.seed, count, a.from.has_value(), job);
  set_sampling(a, job.request);
  set_model(a, job.model, job.load, job.threads);
  set_loras(a, job.load);
}

/// Sets how far the start is left behind, and what of it. @param start  whether there is one
/// @param needed  for the message: "--image FILE, the picture to start from"
/// @throws UsageError, Error
template <typename Request>
void set_strength(const GenerateArguments& a, bool start, const char* needed, Request& request) {
  for (const auto& [option, given] : {std::pair("--strength", &a.strength), {"--mask", &a.mask}}) {
    if (*given && !start) throw UsageError(fmt::format("{} needs {}", option, needed));
  }
  if (a.strength) request.strength = parse_number("--strength", *a.strength, 0, 1);
  if (a.mask) request.mask = read_image(*a.mask);
}

}  // namespace swan::cli

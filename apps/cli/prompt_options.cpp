#include "cli/prompt_options.h"

#include <fmt/format.h>

#include "cli/limits.h"
#include "cli/text_file.h"
#include "cli/values.h"
#include "swan/error.h"

namespace swan::cli {

namespace {

// Reads --prompts: a prompt a line, but for empty lines and comments.
template <typename Request>
void read_prompts(const std::string& path, Job<Request>& job) {
  const std::vector<std::string> lines =
      path == "-"
          ? read_standard_input("--prompts")
          : read_lines("--prompts", path, "name a text file with a prompt on each line, or - for standard input");
  job.request.prompt.clear();
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].starts_with('#') || lines[i].find_first_not_of(" \t") == std::string::npos) continue;
    job.request.prompt.push_back(lines[i]);
    job.prompt_lines.push_back(i + 1);
  }
  if (job.request.prompt.empty()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("--prompts '{}' holds no prompt; write one on each line that does not begin with #.", path));
  }
  job.prompts_file = path;
}

template <typename Request>
void read_embeddings(const std::string& path, bool negative_given, Job<Request>& job) {
  Request& request = job.request;
  request.prompt.clear();
  request.prompt_embeds = load_prompt_embeddings(path);
  request.negative_prompt_embeds = load_prompt_embeddings(path, /*negative=*/true);
  job.prompt_embeds = path;
  if (negative_given && request.negative_prompt_embeds.defined()) {
    throw UsageError(
        fmt::format("--negative-prompt is given, but '{}' holds the negative prompt's embeddings too; "
                    "leave the option out, or make a file without them",
                    path));
  }
}

template <typename Request>
void set_interpolation(const PromptArguments& a, Job<Request>& job) {
  if (!a.prompt_to && !a.interpolate && !a.interpolation) return;
  if (!a.prompt_to) throw UsageError("--interpolate needs --prompt-to TEXT, the prompt at the other end");
  if (!a.interpolate) {
    throw UsageError(
        fmt::format("--prompt-to needs --interpolate N, the number of {}s on the way", RequestKind<Request>::kNoun));
  }
  if (a.prompt_embeds) {
    throw UsageError("--interpolate goes from one prompt to another, so it needs a prompt, not --prompt-embeds");
  }
  if (a.prompts || job.request.prompt.size() != 1) {
    throw UsageError(fmt::format("--interpolate goes from one prompt to another, but there are {} prompts; give one",
                                 job.request.prompt.size()));
  }
  Interpolation way;
  way.prompt_to = *a.prompt_to;
  way.count = parse_int("--interpolate", *a.interpolate, 2, kMaxOutputs);
  if (a.interpolation) {
    way.spherical = parse_choice("--interpolation", *a.interpolation, {"linear", "spherical"}) == "spherical";
  }
  job.interpolation = std::move(way);
  job.only.reset();
}

template <typename Request>
void set(const PromptArguments& a, Job<Request>& job) {
  Request& request = job.request;
  const bool given = a.positional_prompt || !a.prompt.empty();
  if (a.positional_prompt && !a.prompt.empty()) {
    throw UsageError("the prompt is given twice, as an argument and with --prompt; give it one way");
  }
  if (a.prompts && given) {
    throw UsageError("the prompt is given twice, by itself and with --prompts; put all prompts into the file");
  }
  if (a.prompt_embeds && (given || a.prompts)) {
    throw UsageError(
        fmt::format("--prompt-embeds takes the place of {}; give one of them", a.prompts ? "--prompts" : "the prompt"));
  }
  if (a.positional_prompt) request.prompt = {*a.positional_prompt};
  if (!a.prompt.empty()) request.prompt = a.prompt;
  if (a.prompts) read_prompts(*a.prompts, job);
  if (a.prompt_embeds) read_embeddings(*a.prompt_embeds, !a.negative_prompt.empty(), job);
  if (job.prompts() == 0) {
    throw UsageError(
        fmt::format("the prompt is missing; for example: swan {} \"three strawberries on a blue "
                    "background\"",
                    RequestKind<Request>::kCommand));
  }
  if (given || a.prompts || a.prompt_embeds) job.only.reset();

  if (!a.negative_prompt.empty()) request.negative_prompt = a.negative_prompt;
  const size_t negatives = request.negative_prompt.size();
  if (negatives != 1 && negatives != job.prompts()) {
    throw UsageError(fmt::format("there are {} negative prompts for {} prompt{}; give one for all, or one for each",
                                 negatives, job.prompts(), job.prompts() == 1 ? "" : "s"));
  }
  set_interpolation(a, job);
}

}  // namespace

void set_prompts(const PromptArguments& arguments, Job<ImageRequest>& job) { set(arguments, job); }
void set_prompts(const PromptArguments& arguments, Job<VideoRequest>& job) { set(arguments, job); }

}  // namespace swan::cli

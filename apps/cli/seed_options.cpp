#include "cli/seed_options.h"

#include <fmt/format.h>

#include "cli/limits.h"
#include "cli/values.h"

namespace swan::cli {

namespace {

template <typename Request>
void set(const std::optional<std::string>& seed, const std::optional<std::string>& count, bool from,
         Job<Request>& job) {
  using Kind = RequestKind<Request>;
  Request& request = job.request;
  int& per_prompt = Kind::per_prompt(request);
  const size_t prompts = job.prompts();
  if (count) {
    per_prompt = parse_int(Kind::kCountOption, *count, 1, kMaxOutputs);
    job.only.reset();
  }
  if (seed) {
    request.seed = parse_seeds(*seed);
    // "--seed 1,2,3" alone asks for three.
    const size_t seeds = request.seed.size();
    if (seeds > 1 && !count && seeds % prompts == 0 && seeds <= kMaxOutputs) {
      per_prompt = static_cast<int>(seeds / prompts);
      job.only.reset();
    }
  } else if (!from) {
    request.seed = {random_seed()};
  }
  if (request.seed.size() != 1 && request.seed.size() != job.outputs()) {
    throw UsageError(
        fmt::format("there are {} seeds for {} {}{} ({} prompt{}, {} of each); give one for all, or one "
                    "for each",
                    request.seed.size(), job.outputs(), Kind::kNoun, job.outputs() == 1 ? "" : "s", prompts,
                    prompts == 1 ? "" : "s", per_prompt));
  }
  if (job.files() > kMaxFiles) {
    throw UsageError(
        fmt::format("{} {}s are more than one command makes; at most {} are", job.files(), Kind::kNoun, kMaxFiles));
  }
}

}  // namespace

void set_seeds(const std::optional<std::string>& seed, const std::optional<std::string>& count, bool from,
               Job<ImageRequest>& job) {
  set(seed, count, from, job);
}
void set_seeds(const std::optional<std::string>& seed, const std::optional<std::string>& count, bool from,
               Job<VideoRequest>& job) {
  set(seed, count, from, job);
}

}  // namespace swan::cli

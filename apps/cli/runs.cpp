#include "cli/runs.h"

#include <fmt/format.h>

#include <algorithm>

namespace swan::cli {

namespace {

// Row `index` of embeddings of several prompts.
PromptEmbeddings row(const PromptEmbeddings& all, int64_t index) {
  return {.embeds = all.embeds.slice(index, index + 1), .attention_mask = all.attention_mask.slice(index, index + 1)};
}

// Elements [begin, begin + count) of a list that has one for each output of all runs; the whole of one that holds for
// all.
template <typename T>
std::vector<T> share(const std::vector<T>& all, size_t begin, size_t count) {
  if (all.size() == 1) return all;
  const auto first = all.begin() + static_cast<std::ptrdiff_t>(begin);
  return {first, first + static_cast<std::ptrdiff_t>(count)};
}

}  // namespace

template <typename Request>
Runs<Request>::Runs(const Job<Request>& job, bool guided, const Embed& embed) : job_(job), outputs_(job.outputs()) {
  if (!job.prompt_lines.empty()) {
    size_ = job.prompt_lines.size();
    outputs_ = static_cast<size_t>(RequestKind<Request>::per_prompt(job.request));
  } else if (job.interpolation) {
    size_ = static_cast<size_t>(job.interpolation->count);
    const PromptEmbeddings both = embed({job.request.prompt.front(), job.interpolation->prompt_to}, false);
    from_ = row(both, 0);
    to_ = row(both, 1);
    if (guided) negative_ = embed(job.request.negative_prompt, true);
  }
}

template <typename Request>
Request Runs<Request>::request(size_t index) const {
  Request request = job_.request;
  if (job_.interpolation) {
    request.prompt.clear();
    // The ends are those of the prompts themselves, to the last bit.
    request.prompt_embeds = index == 0 ? from_
                            : index + 1 == size_
                                ? to_
                                : interpolate_embeddings(from_, to_, position(index), job_.interpolation->spherical);
    request.negative_prompt_embeds = negative_;
  } else if (!job_.prompt_lines.empty()) {
    request.prompt = {job_.request.prompt[index]};
    request.negative_prompt = share(job_.request.negative_prompt, index, 1);
    request.seed = share(job_.request.seed, index * outputs_, outputs_);
  }
  return request;
}

template <typename Request>
std::string Runs<Request>::name(size_t index) const {
  if (!job_.prompt_lines.empty()) return fmt::format("line {} of '{}'", job_.prompt_lines[index], job_.prompts_file);
  return size_ == 1 ? "" : fmt::format("{} of {}", index + 1, size_);
}

template <typename Request>
nlohmann::ordered_json Runs<Request>::settings(size_t index) const {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  if (job_.interpolation) {
    json["interpolation"] = {{"prompt", job_.request.prompt.front()},
                             {"prompt_to", job_.interpolation->prompt_to},
                             {"negative_prompt", job_.request.negative_prompt.front()},
                             {"position", position(index)},
                             {"method", job_.interpolation->spherical ? "spherical" : "linear"}};
  }
  return json;
}

template class Runs<ImageRequest>;
template class Runs<VideoRequest>;

Error failed_run(const Error& error, const std::string& name, const std::string& noun,
                 const std::vector<std::string>& files) {
  std::string message = error.what();
  if (!name.empty() && error.code() != ErrorCode::kCancelled) message = fmt::format("{}: {}", name, message);
  if (files.size() == 1) message += fmt::format(" The {} before it is complete: {}.", noun, files.front());
  if (files.size() > 1) {
    message += fmt::format(" The {}s before it are complete: {} to {}.", noun, files.front(), files.back());
  }
  return {error.code(), message};
}

Error cancelled_run(const std::vector<std::string>& files) {
  return {ErrorCode::kCancelled, files.empty() ? "cancelled; nothing was written." : "cancelled."};
}

void add_seconds(const std::vector<std::pair<std::string, double>>& seconds,
                 std::vector<std::pair<std::string, double>>& sums) {
  for (const auto& added : seconds) {
    const auto sum =
        std::find_if(sums.begin(), sums.end(), [&](const auto& entry) { return entry.first == added.first; });
    if (sum == sums.end()) {
      sums.push_back(added);
    } else {
      sum->second += added.second;
    }
  }
}

}  // namespace swan::cli

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "cli/request_kind.h"

namespace swan::cli {

/// One way from a prompt to another, of --interpolate.
struct Interpolation {
  std::string prompt_to;
  int count = 0;  ///< pictures or videos along the way, both ends included; 2 or more
  bool spherical = false;
};

/// What `swan image` or `swan video` is to do, converted and checked; one run of the pipeline or, with --prompts or
/// --interpolate, several.
template <typename Request>
struct Job {
  std::string model;  ///< empty: the embedded one
  LoadOptions load;
  int threads = 0;
  /// With --prompts it holds all of them and the seeds of all; see Runs.
  Request request;
  std::string prompt_embeds;         ///< the file that request.prompt_embeds came from
  std::string prompts_file;          ///< of --prompts
  std::vector<size_t> prompt_lines;  ///< where in it each prompt stands, from 1; empty: one run
  std::optional<Interpolation> interpolation;
  /// With --from: which one of that run is wanted. The others are computed again, for all draw from one generator, but
  /// not written.
  std::optional<size_t> only;
  std::string output;
  std::string save_latents;  ///< empty: do not

  /// Prompts, or rows of the embeddings that stand for them.
  [[nodiscard]] size_t prompts() const {
    return request.prompt_embeds.defined() ? static_cast<size_t>(request.prompt_embeds.embeds.dim(0))
                                           : request.prompt.size();
  }
  /// Pictures or videos of the request, which have seeds of their own.
  [[nodiscard]] size_t outputs() const {
    return prompts() * static_cast<size_t>(RequestKind<Request>::per_prompt(request));
  }
  /// Pictures or videos that are written.
  [[nodiscard]] size_t files() const {
    return only ? 1 : outputs() * (interpolation ? static_cast<size_t>(interpolation->count) : 1);
  }
};

}  // namespace swan::cli

#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "pipelines/aspect_ratio.h"
#include "swan/pipeline.h"

namespace swan::pipelines {

// What requests of pictures and of videos are held to alike. Each throws Error kInvalidArgument naming what is wrong.

inline constexpr int64_t kMostPixels = 16384;  ///< of a side

/// @param request  ImageRequest or VideoRequest;  @return  how many prompts it has, in words or as embeddings
template <typename Request>
[[nodiscard]] int64_t check_prompts(const Request& r) {
  if (r.prompt.empty() == !r.prompt_embeds.defined())
    fail(ErrorCode::kInvalidArgument, "{}",
         r.prompt.empty() ? "no prompt was given." : "both prompts and prompt_embeds were given: give one of them.");
  const int64_t prompts =
      r.prompt_embeds.defined() ? r.prompt_embeds.embeds.dim(0) : static_cast<int64_t>(r.prompt.size());
  if (r.negative_prompt.size() != 1 && static_cast<int64_t>(r.negative_prompt.size()) != prompts)
    fail(ErrorCode::kInvalidArgument, "{} negative prompts for {} prompts: give one for all, or one for each.",
         r.negative_prompt.size(), prompts);
  return prompts;
}

/// One negative prompt for each prompt.
[[nodiscard]] inline std::vector<std::string> negative_prompts(const std::vector<std::string>& given, int64_t prompts) {
  return given.size() == 1 ? std::vector<std::string>(static_cast<size_t>(prompts), given[0]) : given;
}

/// @param option  "num_images_per_prompt";  @param noun  "pictures"
inline void check_counts(const char* option, int per_prompt, const char* noun, int64_t batch, size_t seeds) {
  if (per_prompt < 1 || per_prompt > 1024)
    fail(ErrorCode::kInvalidArgument, "{} is {}: 1 to 1024 are possible.", option, per_prompt);
  if (seeds != 1 && static_cast<int64_t>(seeds) != batch)
    fail(ErrorCode::kInvalidArgument, "{} seeds for {} {}: give one for all, or one for each.", seeds, batch, noun);
}

inline void check_sequence_length(int max_sequence_length) {
  if (max_sequence_length < 2 || max_sequence_length > 8192)
    fail(ErrorCode::kInvalidArgument, "max_sequence_length is {}: 2 to 8192 are possible.", max_sequence_length);
}

inline void check_sampling(int num_inference_steps, double guidance_scale) {
  if (num_inference_steps < 1 || num_inference_steps > 1000)
    fail(ErrorCode::kInvalidArgument, "num_inference_steps is {}: 1 to 1000 are possible.", num_inference_steps);
  if (!std::isfinite(guidance_scale)) fail(ErrorCode::kInvalidArgument, "guidance_scale must be a finite number.");
}

/// @param noun  "a picture"
inline void check_size(const char* noun, Size size) {
  if (size.height < 1 || size.width < 1 || size.height > kMostPixels || size.width > kMostPixels)
    fail(ErrorCode::kInvalidArgument, "{} of {} x {} pixels: sides of 1 to {} are possible.", noun, size.width,
         size.height, kMostPixels);
}

/// The multiple of `unit` nearest to n, at least one: for messages.
[[nodiscard]] inline int64_t nearest_multiple(int64_t n, int64_t unit) {
  return std::max(unit, (n + unit / 2) / unit * unit);
}

/// @param ratio  pixels of a latent
inline void check_tiling(const std::optional<VaeTiling>& tiling, int64_t ratio) {
  if (!tiling) return;
  const VaeTiling& t = *tiling;
  if (t.tile_sample_stride_height < ratio || t.tile_sample_stride_width < ratio ||
      t.tile_sample_min_height < t.tile_sample_stride_height || t.tile_sample_min_width < t.tile_sample_stride_width)
    fail(ErrorCode::kInvalidArgument, "vae_tiling: strides must be at least {} pixels and no larger than the tiles.",
         ratio);
}

}  // namespace swan::pipelines

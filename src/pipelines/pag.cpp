#include "pipelines/pag.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <regex>

#include "core/error.h"
#include "ops/elementwise.h"
#include "pipelines/guidance.h"

namespace swan::pipelines {

double Pag::scale_at(double timestep) const {
  return adaptive_scale > 0 ? std::max(scale - adaptive_scale * (1000 - timestep), 0.0) : scale;
}

std::vector<bool> pag_blocks(const std::vector<std::string>& layers, int64_t num_blocks) {
  constexpr size_t kLongest = 200;  // names are short, and so is what can be meant; the matcher is recursive
  if (layers.empty()) fail(ErrorCode::kInvalidArgument, "pag_applied_layers is empty: name at least one layer.");
  std::vector<bool> found(static_cast<size_t>(num_blocks), false);
  for (const std::string& layer : layers) {
    if (layer.size() > kLongest)
      fail(ErrorCode::kInvalidArgument,
           "pag_applied_layers: a regular expression of {} bytes; at most {} are possible.", layer.size(), kLongest);
    bool any = false;
    try {
      const std::regex expression(layer);
      for (size_t i = 0; i < found.size(); ++i) {
        if (!std::regex_search(fmt::format("transformer_blocks.{}.attn1", i), expression)) continue;
        found[i] = any = true;
      }
    } catch (const std::regex_error& e) {
      fail(ErrorCode::kInvalidArgument, "pag_applied_layers: '{}' is no regular expression: {}.", layer, e.what());
    }
    if (!any)
      fail(ErrorCode::kInvalidArgument,
           "pag_applied_layers: '{}' finds none of the model's self-attentions, transformer_blocks.0.attn1 to "
           "transformer_blocks.{}.attn1.",
           layer, num_blocks - 1);
  }
  return found;
}

Tensor guide_perturbed(const Tensor& uncond, const Tensor& cond, const Tensor& perturbed, double guidance_scale,
                       double pag_scale, Context& ctx) {
  const Tensor base = uncond.defined() ? guide(uncond, cond, guidance_scale, ctx) : cond;
  const Tensor direction = ops::linear_combination(std::array{1.0F, -1.0F}, std::array{cond, perturbed}, ctx);
  return ops::linear_combination(std::array{1.0F, static_cast<float>(pag_scale)}, std::array{base, direction}, ctx);
}

}  // namespace swan::pipelines

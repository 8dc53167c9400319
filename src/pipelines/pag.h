#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/context.h"
#include "swan/tensor.h"

namespace swan::pipelines {

/// Perturbed-attention guidance: away from what the network makes of the prompt when some of its blocks look at nothing
/// but each place itself. Ref: Ahn et al. 2024 (arXiv:2403.17377); diffusers pipelines/pag/pag_utils.py, PAGMixin
struct Pag {
  double scale = 0;           ///< 0: none
  double adaptive_scale = 0;  ///< how fast the scale falls as timesteps leave 1000

  [[nodiscard]] bool used() const { return scale > 0; }
  /// The scale in force. @param timestep  the solver's, of 1000
  [[nodiscard]] double scale_at(double timestep) const;
};

/// Which of a transformer's blocks have a self-attention, "transformer_blocks.N.attn1", in whose name one of the
/// regular expressions (ECMAScript's) finds something. "transformer_blocks.1" thus finds block 10 too.
/// @param layers  at least one;  @return  for each block whether it is one
/// @throws Error kInvalidArgument for one that is no regular expression, is too long, or finds nothing
[[nodiscard]] std::vector<bool> pag_blocks(const std::vector<std::string>& layers, int64_t num_blocks);

/// uncond + guidance_scale (cond - uncond) + pag_scale (cond - perturbed). All tensors of one shape, f32.
/// @param uncond  undefined: without that guidance, cond + pag_scale (cond - perturbed)
[[nodiscard]] Tensor guide_perturbed(const Tensor& uncond, const Tensor& cond, const Tensor& perturbed,
                                     double guidance_scale, double pag_scale, Context& ctx);

}  // namespace swan::pipelines

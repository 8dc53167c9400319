#pragma once

#include "core/context.h"
#include "swan/tensor.h"

namespace swan::pipelines {

/// Classifier-free guidance: uncond + scale (cond - uncond). All tensors of one shape, f32.
/// Ref: Ho & Salimans 2022 (arXiv:2207.12598); diffusers pipelines
[[nodiscard]] Tensor guide(const Tensor& uncond, const Tensor& cond, double scale, Context& ctx);

}  // namespace swan::pipelines

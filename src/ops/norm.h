#pragma once

#include "core/context.h"
#include "ops/activation.h"
#include "swan/tensor.h"

namespace swan::ops {

struct RmsNormOptions {
  Tensor bias = {};                           ///< [C] f32, added after the scale; undefined: none
  bool weight_plus_one = false;               ///< multiply by 1 + weight (Gemma)
  Activation activation = Activation::kNone;  ///< applied after the bias
  Tensor residual = {};                       ///< shape of x, f32, added last; undefined: none
};

/// Root-mean-square normalisation over the last axis:
///   y = activation(x / sqrt(mean(x^2) + eps) * weight + bias) + residual
/// @param x       [..., C] f32
/// @param weight  [C] f32; undefined: no scale
/// @param eps     added to the mean square; from the model's config
/// @return        [..., C] f32
/// @throws Error  kShapeMismatch, kInvalidArgument
/// Ref: Zhang & Sennrich 2019 (arXiv:1910.07467); diffusers models/normalization.py, RMSNorm
[[nodiscard]] Tensor rms_norm(const Tensor& x, const Tensor& weight, float eps, const RmsNormOptions& options,
                              Context& ctx);

/// Layer normalisation over the last axis: y = (x - mean) / sqrt(var + eps) * weight + bias.
/// @param x             [..., C] f32
/// @param weight, bias  [C] f32
/// @return              [..., C] f32
/// Ref: Ba et al. 2016 (arXiv:1607.06450); torch.nn.LayerNorm
[[nodiscard]] Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps, Context& ctx);

/// Layer normalisation without weights, then modulation: y = (x - mean) / sqrt(var + eps) * (1 + scale) + shift.
/// @param x             [B, N, C] f32
/// @param scale, shift  [B, C] f32, per sample
/// @return              [B, N, C] f32
/// Ref: Peebles & Xie 2022 (arXiv:2212.09748), adaLN
[[nodiscard]] Tensor layer_norm_modulate(const Tensor& x, const Tensor& scale, const Tensor& shift, float eps,
                                         Context& ctx);

}  // namespace swan::ops

#pragma once

#include <span>

#include "ops/conv.h"

namespace swan::backends {

/// Two ways to a convolution; `conv` of entries.h picks one by the weights alone.

/// oneDNN's direct convolution: every geometry.
[[nodiscard]] Tensor direct_conv(std::span<const Tensor> frames, const ops::ConvWeight& w, ops::Activation activation);

/// Whether winograd_conv serves these weights and is worth it: 3x3, stride 1, padding 1, no groups, enough channels.
[[nodiscard]] bool winograd_suits(const ops::ConvWeight& w);
/// Winograd's minimal filtering F(2x2, 3x3): 16 products where the direct way takes 36; with `upsample` 9.
/// Ref: Lavin, Gray 2015 (arXiv:1509.09308)
[[nodiscard]] Tensor winograd_conv(std::span<const Tensor> frames, const ops::ConvWeight& w,
                                   ops::Activation activation);

}  // namespace swan::backends

#pragma once

#include <array>
#include <span>

#include "ops/activation.h"
#include "swan/tensor.h"

namespace swan::backends::cuda {

/// A convolution over one tensor of pictures with packed parameters, all on the device.
struct ConvCall {
  Tensor x = {};       ///< [B, H, W, C]
  Tensor weight = {};  ///< [O, kernel, kernel, C / groups] in x's dtype; depthwise: [kernel, kernel, C] f32
  Tensor bias = {};    ///< [O] f32, or undefined
  int64_t kernel = 1, stride = 1, padding = 0;
  int64_t trailing_padding = 0;  ///< further zeros below and to the right
  int64_t groups = 1;
  ops::Activation activation = ops::Activation::kNone;
  /// Not negative: of a 3x3 convolution of the doubled picture the quarter whose rows are 2 r + phase / 2 and whose
  /// columns are 2 c + phase % 2, [B, H, W, O], with a weight of pack_phase_weights. Its kernel is 2x2; padding and
  /// stride are not looked at.
  int phase = -1;
};

// The following write y, [B, H', W', O] in x's dtype, whose extents say how far the padding goes.

/// Any geometry and dtype, f32 accumulation: an implicit matrix product on the cores for f32.
void direct_conv(const ConvCall& call, Tensor& y);
/// As many groups as channels in and out.
void depthwise_conv(const ConvCall& call, Tensor& y);
/// Whether grouped_pointwise_conv takes the call: 1x1, groups of 32 channels in and out, 16 bits. The weight's shape
/// alone is looked at.
[[nodiscard]] bool grouped_pointwise_suits(const ConvCall& call);
void grouped_pointwise_conv(const ConvCall& call, Tensor& y);

/// Weights [O, C, frames, kernel, kernel] (or without frames) as [out, kernel, kernel, in]: of the kernel's frames
/// those whose bit is set in `frames`, one after another along the channels, then zeros; rows beyond O are zeros.
[[nodiscard]] Tensor pack_weights(const Tensor& weight, uint32_t frames, int64_t out, int64_t in, DType dtype);
/// Weights [O, C, 3, 3] as [O, 2, 2, C] for one phase of a doubled picture: what falls on one pixel of the picture is
/// summed, in f32.
[[nodiscard]] Tensor pack_phase_weights(const Tensor& weight, int phase, DType dtype);
/// Weights [C, 1, kernel, kernel] as [kernel, kernel, C] f32.
[[nodiscard]] Tensor pack_depthwise_weights(const Tensor& weight);
/// The four quarters of a doubled picture in the order of their phases, [4, B, H, W, O], put together: [B, 2 H, 2 W,
/// O].
[[nodiscard]] Tensor join_phases(const Tensor& quarters);
/// Tensors [..., C] side by side along their channels, then zeros: [..., channels].
[[nodiscard]] Tensor join_channels(std::span<const Tensor> parts, int64_t channels);

}  // namespace swan::backends::cuda

#pragma once

#include <algorithm>
#include <memory>
#include <span>

#include "core/context.h"
#include "ops/activation.h"
#include "swan/tensor.h"

namespace swan::ops {

/// What a backend keeps with a weight in a layout of its own. An operation that finds another operation's replaces it.
struct Prepacked {
  virtual ~Prepacked() = default;
};

/// The parameters of a convolution in torch's layout, with its geometry.
struct ConvWeight {
  Tensor weight;  ///< [O, C / groups, kernel, kernel], for conv3d [O, C / groups, frames, kernel, kernel]; f32 | f16 |
                  ///< bf16
  Tensor bias = {};  ///< [O] f32, or undefined
  int64_t stride = 1;
  int64_t padding = 0;           ///< zeros on every side
  int64_t trailing_padding = 0;  ///< further zeros below and to the right
  int64_t groups = 1;
  bool upsample = false;  ///< the picture is first doubled, each pixel becoming 2 x 2 (nearest neighbour)
  /// The backend's prepacked copy, made at first use. Not thread-safe: one generate at a time per model.
  mutable std::shared_ptr<Prepacked> prepacked = {};
  [[nodiscard]] int64_t out_channels() const { return weight.dim(0); }
  [[nodiscard]] int64_t in_channels() const { return weight.dim(1) * groups; }
  [[nodiscard]] int64_t kernel() const { return weight.dim(-1); }
  [[nodiscard]] int64_t frames() const { return weight.rank() == 5 ? weight.dim(2) : 1; }
  /// Output extent for an input extent.
  [[nodiscard]] int64_t out_extent(int64_t in) const {
    return ((upsample ? 2 * in : in) + 2 * padding + trailing_padding - kernel()) / stride + 1;
  }
};

/// y = activation(conv2d(x) + b), accumulated in f32; channels last, so that a 1x1 convolution is `linear`.
/// @param x  [B, H, W, C] f32
/// @return   [B, H', W', O] f32
/// @throws Error kShapeMismatch, kInvalidArgument
/// Ref: torch.nn.Conv2d (whose tensors are [B, C, H, W])
[[nodiscard]] Tensor conv2d(const Tensor& x, const ConvWeight& w, Activation activation, Context& ctx);

/// One frame of a convolution over a clip: y = activation(sum over t of conv2d(frames[t], weight[:, :, t]) + b). Time
/// is the caller's: which frames stand under the kernel decides on stride, causality and what was before the clip.
/// @param frames  as many as the kernel has, oldest first, [B, H, W, C] f32 each; undefined: a frame of zeros, which
/// costs
///                nothing. One at least is there
/// @param w       weight [O, C, frames, kernel, kernel], groups 1
/// @return        [B, H', W', O] f32
/// @throws Error kShapeMismatch, kInvalidArgument
/// Ref: torch.nn.Conv3d (whose tensors are [B, C, F, H, W])
[[nodiscard]] Tensor conv3d(std::span<const Tensor> frames, const ConvWeight& w, Activation activation, Context& ctx);

/// The first of a convolution's frames that is there; an undefined tensor when none is.
[[nodiscard]] inline Tensor first_frame(std::span<const Tensor> frames) {
  const auto it = std::find_if(frames.begin(), frames.end(), [](const Tensor& f) { return f.defined(); });
  return it == frames.end() ? Tensor() : *it;
}

/// The middle of a GLU-MBConv: d = depthwise conv(x) + b (stride 1, same size), then y = d[:C] * silu(d[C:]).
/// @param x  [B, H, W, 2C] f32;  @param w  [2C, 1, k, k] with groups 2C, k odd and padding k / 2
/// @return   [B, H, W, C] f32
/// Ref: Xie et al. 2024 (arXiv:2410.10629), Mix-FFN; diffusers sana_transformer.py, GLUMBConv
[[nodiscard]] Tensor depthwise_conv_glu(const Tensor& x, const ConvWeight& w, Context& ctx);

}  // namespace swan::ops

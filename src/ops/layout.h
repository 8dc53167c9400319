#pragma once

#include <span>

#include "core/context.h"
#include "swan/tensor.h"

namespace swan::ops {

// Inside networks pictures are channels last, [B, H, W, C]: tokens and pixels are then one layout, and a 1x1
// convolution is a linear layer. At a model's border they have torch's order, [B, C, H, W]. All f32.

/// [B, C, H, W] to [B, H, W, C].
[[nodiscard]] Tensor nchw_to_nhwc(const Tensor& x, Context& ctx);
/// [B, H, W, C] to [B, C, H, W].
[[nodiscard]] Tensor nhwc_to_nchw(const Tensor& x, Context& ctx);

/// [B, H, W, C f f] to [B, H f, W f, C]; channel c f f + i f + j goes to row offset i, column offset j of channel c.
/// Ref: torch.nn.functional.pixel_shuffle
[[nodiscard]] Tensor pixel_shuffle(const Tensor& x, int64_t factor, Context& ctx);
/// The inverse: [B, H f, W f, C] to [B, H, W, C f f].
[[nodiscard]] Tensor pixel_unshuffle(const Tensor& x, int64_t factor, Context& ctx);
/// [B, H, W, C] to [B, H f, W f, C], each pixel repeated.
[[nodiscard]] Tensor upsample_nearest(const Tensor& x, int64_t factor, Context& ctx);
/// [..., C] to [..., C r]; each channel is repeated r times in place (torch.repeat_interleave).
[[nodiscard]] Tensor repeat_channels(const Tensor& x, int64_t repeats, Context& ctx);
/// x + pixel_shuffle(repeat_channels(shortcut, 4 C / C'), 2) in one pass: what a block that doubles pictures adds to
/// what it made. @param x  [B, 2 H, 2 W, C];  @param shortcut  [B, H, W, C'], C' one of C, 2 C and 4 C
[[nodiscard]] Tensor add_upsampled(const Tensor& x, const Tensor& shortcut, Context& ctx);
/// [..., C g] to [..., C]; the mean of g consecutive channels.
[[nodiscard]] Tensor mean_channel_groups(const Tensor& x, int64_t group, Context& ctx);
/// [..., C1] and [..., C2] to [..., C1 + C2].
[[nodiscard]] Tensor concat_channels(const Tensor& a, const Tensor& b, Context& ctx);
/// Tensors alike but for their first dimension, one after another along it.
[[nodiscard]] Tensor concat_rows(std::span<const Tensor> parts, Context& ctx);
/// Channels [begin, end) of [..., C], copied: [..., end - begin].
[[nodiscard]] Tensor slice_channels(const Tensor& x, int64_t begin, int64_t end, Context& ctx);
/// [B, height width, p p C], channels ordered (row, column, channel), to [B, C, height p, width p].
[[nodiscard]] Tensor unpatchify(const Tensor& x, int64_t height, int64_t width, int64_t patch, Context& ctx);

/// How many neighbouring values in time, height and width make one token.
struct Patch {
  int64_t frames, height, width;
};
/// A clip as tokens: [B, C, T, H, W] to [B, N, C pt ph pw], N = (T / pt) (H / ph) (W / pw) in that order, channels
/// ordered (channel, time, row, column) as a torch.nn.Conv3d weight has them.
[[nodiscard]] Tensor patchify_video(const Tensor& x, Patch patch, Context& ctx);
/// Tokens as a clip: [B, N, pt ph pw C], channels ordered (time, row, column, channel), to [B, C, T, H, W], where
/// `grid` counts the tokens in time, height and width. Ref: diffusers transformer_wan.py, WanTransformer3DModel.forward
[[nodiscard]] Tensor unpatchify_video(const Tensor& x, Patch grid, Patch patch, Context& ctx);

}  // namespace swan::ops

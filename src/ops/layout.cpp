#include "ops/layout.h"

#include <algorithm>

#include "ops/dispatch.h"

namespace swan::ops {

namespace {
void check_picture(const char* operation, const Tensor& x, const Context& ctx) {
  check_floating(operation, "x", x, ctx);
  check_rank(operation, "x", x, 4);
}
void check_divides(const char* operation, const Tensor& x, int64_t extent, int64_t factor) {
  if (factor < 1 || extent % factor != 0)
    fail(ErrorCode::kShapeMismatch, "{}: {} of x {} is not a multiple of {}.", operation, extent, x.shape(), factor);
}
}  // namespace

Tensor nchw_to_nhwc(const Tensor& x, Context& ctx) {
  check_picture("nchw_to_nhwc", x, ctx);
  return entry(&KernelTable::nchw_to_nhwc, "nchw_to_nhwc", ctx)(x);
}

Tensor nhwc_to_nchw(const Tensor& x, Context& ctx) {
  check_picture("nhwc_to_nchw", x, ctx);
  return entry(&KernelTable::nhwc_to_nchw, "nhwc_to_nchw", ctx)(x);
}

Tensor pixel_shuffle(const Tensor& x, int64_t factor, Context& ctx) {
  check_picture("pixel_shuffle", x, ctx);
  check_divides("pixel_shuffle", x, 0, factor);
  check_divides("pixel_shuffle", x, x.dim(3), factor * factor);
  return entry(&KernelTable::pixel_shuffle, "pixel_shuffle", ctx)(x, factor);
}

Tensor pixel_unshuffle(const Tensor& x, int64_t factor, Context& ctx) {
  check_picture("pixel_unshuffle", x, ctx);
  check_divides("pixel_unshuffle", x, x.dim(1), factor);
  check_divides("pixel_unshuffle", x, x.dim(2), factor);
  return entry(&KernelTable::pixel_unshuffle, "pixel_unshuffle", ctx)(x, factor);
}

Tensor upsample_nearest(const Tensor& x, int64_t factor, Context& ctx) {
  check_picture("upsample_nearest", x, ctx);
  check_divides("upsample_nearest", x, 0, factor);
  return entry(&KernelTable::upsample_nearest, "upsample_nearest", ctx)(x, factor);
}

Tensor repeat_channels(const Tensor& x, int64_t repeats, Context& ctx) {
  check_floating("repeat_channels", "x", x, ctx);
  check_divides("repeat_channels", x, 0, repeats);
  return entry(&KernelTable::repeat_channels, "repeat_channels", ctx)(x, repeats);
}

Tensor add_upsampled(const Tensor& x, const Tensor& shortcut, Context& ctx) {
  check_picture("add_upsampled", x, ctx);
  check_picture("add_upsampled", shortcut, ctx);
  const int64_t share = x.dim(3) > 0 ? shortcut.dim(3) / x.dim(3) : 0;
  if (share != 1 && share != 2 && share != 4)
    fail(ErrorCode::kShapeMismatch, "add_upsampled: shortcut {} has neither 1, 2 nor 4 times the channels of x {}.",
         shortcut.shape(), x.shape());
  check_same_shape("add_upsampled", "x", x.shape(),
                   {shortcut.dim(0), 2 * shortcut.dim(1), 2 * shortcut.dim(2), shortcut.dim(3) / share});
  return entry(&KernelTable::add_upsampled, "add_upsampled", ctx)(x, shortcut);
}

Tensor mean_channel_groups(const Tensor& x, int64_t group, Context& ctx) {
  check_floating("mean_channel_groups", "x", x, ctx);
  check_divides("mean_channel_groups", x, x.dim(-1), group);
  return entry(&KernelTable::mean_channel_groups, "mean_channel_groups", ctx)(x, group);
}

Tensor concat_channels(const Tensor& a, const Tensor& b, Context& ctx) {
  check_floating("concat_channels", "a", a, ctx);
  check_floating("concat_channels", "b", b, ctx);
  const auto outer_a = a.shape().dims(), outer_b = b.shape().dims();
  if (outer_a.size() != outer_b.size() || outer_a.empty() ||
      !std::equal(outer_a.begin(), outer_a.end() - 1, outer_b.begin()))
    fail(ErrorCode::kShapeMismatch, "concat_channels: a {} and b {} differ in more than the last dimension.", a.shape(),
         b.shape());
  return entry(&KernelTable::concat_channels, "concat_channels", ctx)(a, b);
}

Tensor concat_rows(std::span<const Tensor> parts, Context& ctx) {
  if (parts.empty()) fail(ErrorCode::kInvalidArgument, "concat_rows: nothing to join.");
  for (const Tensor& part : parts) {
    check_floating("concat_rows", "a part", part, ctx);
    const auto first = parts[0].shape().dims(), dims = part.shape().dims();
    if (dims.empty() || dims.size() != first.size() || !std::equal(dims.begin() + 1, dims.end(), first.begin() + 1))
      fail(ErrorCode::kShapeMismatch, "concat_rows: {} and {} differ in more than the first dimension.",
           parts[0].shape(), part.shape());
  }
  return parts.size() == 1 ? parts[0] : entry(&KernelTable::concat_rows, "concat_rows", ctx)(parts);
}

Tensor slice_channels(const Tensor& x, int64_t begin, int64_t end, Context& ctx) {
  check_floating("slice_channels", "x", x, ctx);
  if (begin < 0 || end <= begin || end > x.dim(-1))
    fail(ErrorCode::kShapeMismatch, "slice_channels: x {} has no channels {} to {}.", x.shape(), begin, end);
  return entry(&KernelTable::slice_channels, "slice_channels", ctx)(x, begin, end);
}

Tensor unpatchify(const Tensor& x, int64_t height, int64_t width, int64_t patch, Context& ctx) {
  check_floating("unpatchify", "x", x, ctx);
  check_rank("unpatchify", "x", x, 3);
  check_divides("unpatchify", x, 0, patch);
  check_divides("unpatchify", x, x.dim(2), patch * patch);
  if (height < 1 || width < 1 || x.dim(1) != height * width)
    fail(ErrorCode::kShapeMismatch, "unpatchify: x {} does not hold a grid of {} x {}.", x.shape(), height, width);
  return entry(&KernelTable::unpatchify, "unpatchify", ctx)(x, height, width, patch);
}

Tensor patchify_video(const Tensor& x, Patch patch, Context& ctx) {
  check_floating("patchify_video", "x", x, ctx);
  check_rank("patchify_video", "x", x, 5);
  check_divides("patchify_video", x, x.dim(2), patch.frames);
  check_divides("patchify_video", x, x.dim(3), patch.height);
  check_divides("patchify_video", x, x.dim(4), patch.width);
  return entry(&KernelTable::patchify_video, "patchify_video", ctx)(x, patch);
}

Tensor unpatchify_video(const Tensor& x, Patch grid, Patch patch, Context& ctx) {
  check_floating("unpatchify_video", "x", x, ctx);
  check_rank("unpatchify_video", "x", x, 3);
  for (const int64_t factor : {patch.frames, patch.height, patch.width})
    check_divides("unpatchify_video", x, 0, factor);
  check_divides("unpatchify_video", x, x.dim(2), patch.frames * patch.height * patch.width);
  if (std::min({grid.frames, grid.height, grid.width}) < 1 || x.dim(1) != grid.frames * grid.height * grid.width)
    fail(ErrorCode::kShapeMismatch, "unpatchify_video: x {} does not hold a grid of {} x {} x {}.", x.shape(),
         grid.frames, grid.height, grid.width);
  return entry(&KernelTable::unpatchify_video, "unpatchify_video", ctx)(x, grid, patch);
}

}  // namespace swan::ops

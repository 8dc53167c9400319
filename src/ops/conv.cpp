#include "ops/conv.h"

#include <algorithm>

#include "ops/dispatch.h"

namespace swan::ops {

namespace {
void check_conv(const char* operation, const Tensor& x, const ConvWeight& w, size_t weight_rank, const Context& ctx) {
  check_floating(operation, "x", x, ctx);
  check_rank(operation, "x", x, 4);
  check_weight_dtype(operation, "weight", w.weight);
  check_rank(operation, "weight", w.weight, weight_rank);
  const bool geometry = w.stride > 0 && w.padding >= 0 && w.trailing_padding >= 0 && w.groups > 0 && w.kernel() > 0 &&
                        w.frames() > 0 && (w.groups == 1 || w.frames() == 1);
  if (!geometry || x.dim(3) != w.in_channels() || w.weight.dim(-2) != w.weight.dim(-1) ||
      w.out_channels() % w.groups != 0 ||
      std::min(x.dim(1), x.dim(2)) * (w.upsample ? 2 : 1) + 2 * w.padding + w.trailing_padding < w.kernel())
    fail(ErrorCode::kShapeMismatch,
         "{}: x {} (batch, height, width, channels) does not fit weight {} with stride {}, padding {}, groups {}.",
         operation, x.shape(), w.weight.shape(), w.stride, w.padding, w.groups);
  if (w.bias.defined()) {
    check_floating(operation, "bias", w.bias, ctx);
    check_same_shape(operation, "bias", w.bias.shape(), {w.out_channels()});
  }
}
}  // namespace

Tensor conv2d(const Tensor& x, const ConvWeight& w, Activation activation, Context& ctx) {
  check_conv("conv2d", x, w, 4, ctx);
  return entry(&KernelTable::conv, "conv2d", ctx)(std::span(&x, 1), w, activation);
}

Tensor conv3d(std::span<const Tensor> frames, const ConvWeight& w, Activation activation, Context& ctx) {
  const Tensor first = first_frame(frames);
  if (!first.defined()) fail(ErrorCode::kInvalidArgument, "conv3d: no frame was given.");
  for (const Tensor& frame : frames)
    if (frame.defined()) check_conv("conv3d", frame, w, 5, ctx);
  for (const Tensor& frame : frames)
    if (frame.defined()) check_same_shape("conv3d", "a frame", frame.shape(), first.shape());
  if (static_cast<int64_t>(frames.size()) != w.frames())
    fail(ErrorCode::kShapeMismatch, "conv3d: {} frames for a kernel {} of {}.", frames.size(), w.weight.shape(),
         w.frames());
  return entry(&KernelTable::conv, "conv3d", ctx)(frames, w, activation);
}

Tensor depthwise_conv_glu(const Tensor& x, const ConvWeight& w, Context& ctx) {
  check_conv("depthwise_conv_glu", x, w, 4, ctx);
  if (w.groups != x.dim(3) || w.out_channels() != x.dim(3) || x.dim(3) % 2 != 0 || w.stride != 1 ||
      w.kernel() != 2 * w.padding + 1 || w.trailing_padding != 0 || w.upsample)
    fail(ErrorCode::kShapeMismatch,
         "depthwise_conv_glu: x {} with weight {}: needs an even number of channels, one group a channel, stride 1 and "
         "the same size out as in.",
         x.shape(), w.weight.shape());
  return entry(&KernelTable::depthwise_conv_glu, "depthwise_conv_glu", ctx)(x, w);
}

}  // namespace swan::ops

#include "ops/conv.h"

#include <algorithm>

#include "ops/dispatch.h"

namespace swan::ops {

namespace {
void check_conv(const char* operation, const Tensor& x, const ConvWeight& w) {
  check_dtype(operation, "x", x, DType::kF32);
  check_rank(operation, "x", x, 4);
  check_weight_dtype(operation, "weight", w.weight);
  check_rank(operation, "weight", w.weight, 4);
  const bool geometry = w.stride > 0 && w.padding >= 0 && w.groups > 0 && w.kernel() > 0;
  if (!geometry || x.dim(3) != w.in_channels() || w.weight.dim(2) != w.weight.dim(3) ||
      w.out_channels() % w.groups != 0 || std::min(x.dim(1), x.dim(2)) + 2 * w.padding < w.kernel())
    fail(ErrorCode::kShapeMismatch,
         "{}: x {} (batch, height, width, channels) does not fit weight {} with stride {}, padding {}, groups {}.",
         operation, x.shape(), w.weight.shape(), w.stride, w.padding, w.groups);
  if (w.bias.defined()) {
    check_dtype(operation, "bias", w.bias, DType::kF32);
    check_same_shape(operation, "bias", w.bias.shape(), {w.out_channels()});
  }
}
}  // namespace

Tensor conv2d(const Tensor& x, const ConvWeight& w, Activation activation, Context& ctx) {
  check_conv("conv2d", x, w);
  return entry(&KernelTable::conv2d, "conv2d", ctx)(x, w, activation);
}

Tensor depthwise_conv_glu(const Tensor& x, const ConvWeight& w, Context& ctx) {
  check_conv("depthwise_conv_glu", x, w);
  if (w.groups != x.dim(3) || w.out_channels() != x.dim(3) || x.dim(3) % 2 != 0 || w.stride != 1 ||
      w.kernel() != 2 * w.padding + 1)
    fail(ErrorCode::kShapeMismatch,
         "depthwise_conv_glu: x {} with weight {}: needs an even number of channels, one group a channel, stride 1 and "
         "the same size out as in.",
         x.shape(), w.weight.shape());
  return entry(&KernelTable::depthwise_conv_glu, "depthwise_conv_glu", ctx)(x, w);
}

}  // namespace swan::ops

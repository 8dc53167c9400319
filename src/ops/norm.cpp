#include "ops/norm.h"

#include "ops/dispatch.h"
#include "ops/norm_checks.h"

namespace swan::ops {

Tensor rms_norm(const Tensor& x, const Tensor& weight, float eps, const RmsNormOptions& options, Context& ctx) {
  check_floating("rms_norm", "x", x, ctx);
  const Shape channels = {x.dim(-1)};
  if (weight.defined()) {
    check_floating("rms_norm", "weight", weight, ctx);
    check_same_shape("rms_norm", "weight", weight.shape(), channels);
  }
  if (options.bias.defined()) {
    check_floating("rms_norm", "bias", options.bias, ctx);
    check_same_shape("rms_norm", "bias", options.bias.shape(), channels);
  }
  if (options.residual.defined()) {
    check_floating("rms_norm", "residual", options.residual, ctx);
    check_same_shape("rms_norm", "residual", options.residual.shape(), x.shape());
  }
  return entry(&KernelTable::rms_norm, "rms_norm", ctx)(x, weight, eps, options);
}

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps, Context& ctx) {
  check_layer_norm("layer_norm", x, weight, bias, ctx);
  return entry(&KernelTable::layer_norm, "layer_norm", ctx)(x, weight, bias, eps);
}

Tensor layer_norm_modulate(const Tensor& x, const Tensor& scale, const Tensor& shift, float eps, Context& ctx) {
  check_layer_norm_modulate("layer_norm_modulate", x, scale, shift, ctx);
  return entry(&KernelTable::layer_norm_modulate, "layer_norm_modulate", ctx)(x, scale, shift, eps);
}

}  // namespace swan::ops

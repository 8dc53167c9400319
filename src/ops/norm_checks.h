#pragma once

#include "ops/dispatch.h"

// What layer normalisations ask of their operands, whatever they do with the result. @throws Error kShapeMismatch,
// kInvalidArgument naming the operation

namespace swan::ops {

inline void check_layer_norm(const char* operation, const Tensor& x, const Tensor& weight, const Tensor& bias,
                             const Context& ctx) {
  check_floating(operation, "x", x, ctx);
  check_floating(operation, "weight", weight, ctx);
  check_floating(operation, "bias", bias, ctx);
  check_same_shape(operation, "weight", weight.shape(), {x.dim(-1)});
  check_same_shape(operation, "bias", bias.shape(), {x.dim(-1)});
}

inline void check_layer_norm_modulate(const char* operation, const Tensor& x, const Tensor& scale, const Tensor& shift,
                                      const Context& ctx) {
  check_floating(operation, "x", x, ctx);
  check_rank(operation, "x", x, 3);
  const Shape per_sample = {x.dim(0), x.dim(2)};
  check_floating(operation, "scale", scale, ctx);
  check_floating(operation, "shift", shift, ctx);
  check_same_shape(operation, "scale", scale.shape(), per_sample);
  check_same_shape(operation, "shift", shift.shape(), per_sample);
}

}  // namespace swan::ops

#include "ops/elementwise.h"

#include <algorithm>

#include "ops/dispatch.h"

namespace swan::ops {

Tensor add(const Tensor& a, const Tensor& b, Context& ctx) {
  check_floating("add", "a", a, ctx);
  check_floating("add", "b", b, ctx);
  const auto outer = a.shape().dims();
  const auto inner = b.shape().dims();
  if (inner.size() > outer.size() || !std::equal(inner.rbegin(), inner.rend(), outer.rbegin()))
    fail(ErrorCode::kShapeMismatch, "add: b {} is not a suffix of a {}.", b.shape(), a.shape());
  return entry(&KernelTable::add, "add", ctx)(a, b);
}

Tensor add_gated(const Tensor& x, const Tensor& gate, const Tensor& y, Context& ctx) {
  check_rank("add_gated", "x", x, 3);
  for (const Tensor* t : {&x, &gate, &y}) check_floating("add_gated", "x, gate or y", *t, ctx);
  check_same_shape("add_gated", "y", y.shape(), x.shape());
  check_same_shape("add_gated", "gate", gate.shape(), {x.dim(0), x.dim(2)});
  return entry(&KernelTable::add_gated, "add_gated", ctx)(x, gate, y);
}

Tensor activate(const Tensor& x, Activation activation, Context& ctx) {
  check_floating("activate", "x", x, ctx);
  return entry(&KernelTable::activate, "activate", ctx)(x, activation);
}

Tensor gated_activation(const Tensor& gate, const Tensor& up, Activation activation, Context& ctx) {
  check_floating("gated_activation", "gate", gate, ctx);
  check_floating("gated_activation", "up", up, ctx);
  check_same_shape("gated_activation", "up", up.shape(), gate.shape());
  return entry(&KernelTable::gated_activation, "gated_activation", ctx)(gate, up, activation);
}

Tensor clamp(const Tensor& x, float least, float most, Context& ctx) {
  check_floating("clamp", "x", x, ctx);
  if (!(least <= most)) fail(ErrorCode::kInvalidArgument, "clamp: nothing lies between {} and {}.", least, most);
  return entry(&KernelTable::clamp, "clamp", ctx)(x, least, most);
}

Tensor linear_combination(std::span<const float> coefficients, std::span<const Tensor> tensors, Context& ctx) {
  if (tensors.empty() || coefficients.size() != tensors.size())
    fail(ErrorCode::kInvalidArgument, "linear_combination: {} coefficients for {} tensors.", coefficients.size(),
         tensors.size());
  for (const Tensor& t : tensors) {
    check_floating("linear_combination", "a tensor", t, ctx);
    check_same_shape("linear_combination", "a tensor", t.shape(), tensors[0].shape());
  }
  return entry(&KernelTable::linear_combination, "linear_combination", ctx)(coefficients, tensors);
}

Tensor count_nonfinite(const Tensor& x, Context& ctx) {
  check_floating("count_nonfinite", "x", x, ctx);
  return entry(&KernelTable::count_nonfinite, "count_nonfinite", ctx)(x);
}

}  // namespace swan::ops

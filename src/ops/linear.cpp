#include "ops/linear.h"

#include "ops/dispatch.h"

namespace swan::ops {

Tensor linear(const Tensor& x, const LinearWeight& w, Activation activation, Context& ctx) {
  check_floating("linear", "x", x, ctx);
  if (w.blocks.defined()) {
    if (ctx.device() != nullptr)
      fail(ErrorCode::kUnsupported, "linear: a weight in blocks of {} is for the host; bring it to a dtype.",
           w.blocks.format().name);
  } else {
    check_weight_dtype("linear", "weight", w.weight);
    check_rank("linear", "weight", w.weight, 2);
  }
  if (x.rank() == 0 || x.dim(-1) != w.in_features())
    fail(ErrorCode::kShapeMismatch, "linear: x {} does not fit weight {} (its last dimensions must agree).", x.shape(),
         Shape({w.out_features(), w.in_features()}));
  if (w.bias.defined()) {
    check_floating("linear", "bias", w.bias, ctx);
    check_same_shape("linear", "bias", w.bias.shape(), {w.out_features()});
  }
  return entry(&KernelTable::linear, "linear", ctx)(x, w, activation);
}

}  // namespace swan::ops

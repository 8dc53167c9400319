#include "nn/f8_weight.h"

namespace swan::nn {

const ops::QuantizedRows& F8Weight::get(const Tensor& weight, Context& ctx) const {
  if (!rows_.values.defined() || device_ != ctx.device()) {
    rows_ = ops::quantize_weight(weight, ctx);
    device_ = ctx.device();
  }
  return rows_;
}

}  // namespace swan::nn

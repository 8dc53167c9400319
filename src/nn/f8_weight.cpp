#include "nn/f8_weight.h"

#include "core/device.h"

namespace swan::nn {

struct F8Weight::Kept {
  DeviceCopy values;   // nearly all of the bytes: leaves when the device needs the memory
  Tensor host_values;  // in its place where the backend's tensors are on the host
  Tensor scales;       // of either
};

F8Weight::F8Weight(bool big) : kept_(big ? std::make_shared<Kept>() : nullptr) {}

ops::QuantizedRows F8Weight::get(const Tensor& weight, Context& ctx) const {
  const Tensor values = ctx.device() == nullptr ? kept_->host_values : kept_->values.get();
  if (values.defined() && values.device() == ctx.device()) return {values, kept_->scales};
  const DeviceCopies::Making making;
  ops::QuantizedRows made = ops::quantize_weight(weight, ctx);
  kept_->scales = made.scales;
  if (ctx.device() == nullptr) {
    kept_->host_values = made.values;
  } else {
    kept_->values.set(made.values);
  }
  return made;
}

}  // namespace swan::nn

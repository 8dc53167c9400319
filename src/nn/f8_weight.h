#pragma once

#include "core/context.h"
#include "ops/linear.h"
#include "ops/quantized.h"

namespace swan::nn {

/// The e4m3 copy of a big linear layer's weight: made on the device when a context with f8() first needs it, kept there
/// in place of the weight itself, dropped by drop(). Not thread-safe: one generate at a time per model.
class F8Weight {
 public:
  /// @param big  whether the layer is one that may multiply in e4m3 (Scope::f8)
  explicit F8Weight(bool big) : big_(big) {}

  /// Whether a layer of that shape multiplies in e4m3 in this context. Those whose sides are no multiples of 16 do not:
  /// they multiply in the context's dtype.
  [[nodiscard]] bool used(int64_t in, int64_t out, const Context& ctx) const {
    return big_ && ctx.f8() && ops::fits_f8(in, out);
  }
  /// @param weight  [N, K], the same at every call
  [[nodiscard]] const ops::QuantizedRows& get(const Tensor& weight, Context& ctx) const;
  void drop() const { rows_ = {}; }

 private:
  bool big_;
  mutable const Device* device_ = nullptr;  // that rows_ are on
  mutable ops::QuantizedRows rows_;
};

}  // namespace swan::nn

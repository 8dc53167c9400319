#pragma once

#include <memory>

#include "core/context.h"
#include "ops/quantized.h"

namespace swan::nn {

/// The e4m3 copy of a big linear layer's weight: made on the device when a context with f8() needs it, in place of the
/// weight itself, and kept there as other weights are (core/device_copies.h). Copies share it. Not thread-safe: one
/// generate at a time per model.
class F8Weight {
 public:
  /// @param big  whether the layer is one that may multiply in e4m3 (Scope::f8)
  explicit F8Weight(bool big);

  /// Whether a layer of that shape multiplies in e4m3 in this context. Those whose sides are no multiples of 16 do not:
  /// they multiply in the context's dtype.
  [[nodiscard]] bool used(int64_t in, int64_t out, const Context& ctx) const {
    return kept_ && ctx.f8() && ops::fits_f8(in, out);
  }
  /// Of a layer that is used(). Whoever holds it keeps it on the device.
  /// @param weight  [N, K], the same at every call
  [[nodiscard]] ops::QuantizedRows get(const Tensor& weight, Context& ctx) const;

 private:
  struct Kept;
  std::shared_ptr<Kept> kept_;  // null: of a layer that is not big
};

}  // namespace swan::nn

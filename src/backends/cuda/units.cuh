#pragma once

#include <cstdint>
#include <vector>

#include "cuda/launch.cuh"

namespace swan::backends::cuda {

// Most operations on layouts move values without looking at them, as units: of one value, or as wide as the pieces that
// stay together and their addresses allow.

/// Calls fn.operator()<Unit>() with the widest unit that divides all that is or-ed together in `bits`: byte counts and
/// addresses.
template <typename Fn>
void dispatch_unit(uintptr_t bits, const Fn& fn) {
  if (bits % 16 == 0) return fn.template operator()<uint4>();
  if (bits % 8 == 0) return fn.template operator()<uint2>();
  if (bits % 4 == 0) return fn.template operator()<uint32_t>();
  fn.template operator()<uint16_t>();
}
/// Calls fn.operator()<Unit>() with a unit of one value.
template <typename Fn>
void dispatch_value(DType dtype, const Fn& fn) {
  if (size_of(dtype) == 4) return fn.template operator()<uint32_t>();
  fn.template operator()<uint16_t>();
}
inline uintptr_t address(const Tensor& t) { return reinterpret_cast<uintptr_t>(t.raw()); }
inline uintptr_t bytes(const Tensor& t, int64_t count) { return static_cast<uintptr_t>(count) * size_of(t.dtype()); }

/// x's shape with another last dimension.
inline Shape with_channels(const Tensor& x, int64_t channels) {
  std::vector<int64_t> dims(x.shape().dims().begin(), x.shape().dims().end());
  dims.back() = channels;
  return Shape(dims);
}

/// Fills y from Fn<Unit>{x, arguments...}, where a unit is one value.
template <template <typename> typename Fn, typename... Arguments>
void gather_values(const char* name, const Tensor& x, Tensor& y, const Arguments&... arguments) {
  dispatch_value(x.dtype(), [&]<typename Unit>() { gather<Unit>(name, y, Fn<Unit>{values<Unit>(x), arguments...}); });
}

}  // namespace swan::backends::cuda

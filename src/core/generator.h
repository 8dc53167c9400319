#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "swan/tensor.h"

namespace swan {

/// torch's CPU generator: a Mersenne twister (mt19937) and torch's ways of drawing normal numbers from it, so that a
/// seed gives the noise that torch.Generator("cpu").manual_seed(seed) gives. Not thread-safe.
/// Ref: Matsumoto & Nishimura 1998; ATen/native/cpu/DistributionTemplates.h, ATen/CPUGeneratorImpl.cpp
class Generator {
 public:
  explicit Generator(uint64_t seed);

  /// What torch.randn(shape, generator=self, dtype=dtype) returns: exact for fewer than 16 values; from 16 on within
  /// 2e-6, for torch's own scalar and vector paths differ by that much there.
  /// @param dtype  f32, f16 or bf16
  /// @throws Error kInvalidArgument for another dtype
  [[nodiscard]] Tensor randn(const Shape& shape, DType dtype = DType::kF32);

 private:
  uint32_t next();

  std::array<uint32_t, 624> state_{};
  int index_ = 0;
  std::optional<double> spare_;
};

}  // namespace swan

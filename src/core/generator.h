#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <span>

#include "swan/tensor.h"

namespace swan {

/// torch's CPU generator: a Mersenne twister (mt19937) and torch's ways of drawing normal numbers from it, so that a
/// seed gives the noise that torch.Generator("cpu").manual_seed(seed) gives. Not thread-safe.
/// Ref: Matsumoto & Nishimura 1998; ATen/native/cpu/DistributionTemplates.h, ATen/CPUGeneratorImpl.cpp
class Generator {
 public:
  /// @param seed  only its lowest 32 bits count, as in torch; a negative seed there is its two's complement here
  explicit Generator(uint64_t seed);

  /// What torch.randn(shape, generator=self, dtype=dtype) returns: exact for fewer than 16 values; from 16 on within
  /// 2e-6, for torch's own scalar and vector paths differ by that much there. f16 and bf16 are f32
  /// values rounded to nearest even; where 16 does not divide the size their last 16 values are not those of an f32
  /// draw.
  /// @param dtype  f32, f16 or bf16
  /// @throws Error kInvalidArgument for another dtype
  [[nodiscard]] Tensor randn(const Shape& shape, DType dtype = DType::kF32);

 private:
  float uniform_f32();
  double uniform_f64();
  double normal_f64();
  void fill_normal(std::span<float> values, bool by_block);

  std::mt19937 engine_;
  std::optional<double> spare_;  // the second value of the last Box-Muller pair, kept for the next small draw
};

}  // namespace swan

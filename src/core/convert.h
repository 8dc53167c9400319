#pragma once

#include <cstdint>

#include "swan/tensor.h"

namespace swan {

/// Converts n elements, by way of f32 (integers by way of f64). Rounds to nearest even. Source and target may be
/// unaligned but must not overlap.
void convert(const void* source, DType from, void* target, DType to, int64_t n);

/// Scalar conversions, bit for bit what torch's casts give.
[[nodiscard]] float f16_to_f32(uint16_t bits) noexcept;
[[nodiscard]] uint16_t f32_to_f16(float value) noexcept;
[[nodiscard]] float bf16_to_f32(uint16_t bits) noexcept;
[[nodiscard]] uint16_t f32_to_bf16(float value) noexcept;
[[nodiscard]] float f8_e4m3_to_f32(uint8_t bits) noexcept;
[[nodiscard]] uint8_t f32_to_f8_e4m3(float value) noexcept;
[[nodiscard]] float f8_e5m2_to_f32(uint8_t bits) noexcept;
[[nodiscard]] uint8_t f32_to_f8_e5m2(float value) noexcept;

}  // namespace swan

#include "core/convert.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/error.h"

namespace swan {

namespace {

// A small IEEE-like format: E exponent bits, M mantissa bits, usual bias. `kHasInf` formats reserve the top exponent
// for infinity and NaN; e4m3 ("fn") has only the all-ones pattern as NaN, and what is too large becomes its largest
// finite value. NaN is encoded as torch does: quiet in f16, all ones in the f8 formats.
template <int E, int M, bool kHasInf>
struct SmallFloat {
  static constexpr int kBias = (1 << (E - 1)) - 1;
  static constexpr uint32_t kSign = 1U << (E + M);
  static constexpr uint32_t kTop = ((1U << E) - 1) << M;  // exponent all ones
  static constexpr uint32_t kNan = E + M > 7 ? kTop | (1U << (M - 1)) : kTop | ((1U << M) - 1);

  static float decode(uint32_t bits) noexcept {
    const uint32_t exponent = (bits & kTop) >> M;
    const uint32_t mantissa = bits & ((1U << M) - 1);
    const float sign = (bits & kSign) != 0 ? -1.0F : 1.0F;
    if (kHasInf && exponent == (1U << E) - 1) return mantissa == 0 ? sign * INFINITY : std::copysign(NAN, sign);
    if (!kHasInf && (bits & ~kSign) == kNan) return std::copysign(NAN, sign);
    if (exponent == 0) return sign * std::ldexp(static_cast<float>(mantissa), 1 - kBias - M);
    return sign * std::ldexp(static_cast<float>(mantissa | (1U << M)), static_cast<int>(exponent) - kBias - M);
  }

  static uint32_t encode(float value) noexcept {
    const auto bits = std::bit_cast<uint32_t>(value);
    const uint32_t sign = (bits >> 31) << (E + M);
    const uint32_t magnitude = bits & 0x7fffffffU;
    if (magnitude > 0x7f800000U) return sign | kNan;
    constexpr uint32_t kOverflow = kHasInf ? kTop : kNan - 1;
    if (magnitude == 0x7f800000U) return sign | kOverflow;
    const int exponent = static_cast<int>(magnitude >> 23) - 127;
    // Significand with its hidden bit, and by how far it must shift to leave M fraction bits.
    const uint32_t significand = (magnitude & 0x7fffffU) | (magnitude >> 23 != 0 ? 0x800000U : 0U);
    int shift = 23 - M;
    uint32_t biased = 0;
    if (exponent >= 1 - kBias) {
      biased = static_cast<uint32_t>(exponent + kBias - 1) << M;  // the hidden bit adds the missing one
    } else {
      shift += 1 - kBias - exponent;
      if (shift > 25) return sign;
    }
    const uint32_t kept = significand >> shift;
    const uint32_t rest = significand & ((1U << shift) - 1);
    const uint32_t half = 1U << (shift - 1);
    const uint32_t rounded = biased + kept + ((rest > half || (rest == half && (kept & 1U) != 0)) ? 1U : 0U);
    return sign | std::min(rounded, kOverflow);
  }
};

using Half = SmallFloat<5, 10, true>;
using Float8E4M3 = SmallFloat<4, 3, false>;
using Float8E5M2 = SmallFloat<5, 2, true>;

template <typename T>
T load(const void* p, int64_t i) {
  T value;
  std::memcpy(&value, static_cast<const char*>(p) + static_cast<size_t>(i) * sizeof(T), sizeof(T));
  return value;
}

double load_number(const void* p, DType dtype, int64_t i) {
  switch (dtype) {
    case DType::kF32:
      return load<float>(p, i);
    case DType::kF16:
      return f16_to_f32(load<uint16_t>(p, i));
    case DType::kBF16:
      return bf16_to_f32(load<uint16_t>(p, i));
    case DType::kI8:
      return load<int8_t>(p, i);
    case DType::kU8:
      return load<uint8_t>(p, i);
    case DType::kI32:
      return load<int32_t>(p, i);
    case DType::kI64:
      return static_cast<double>(load<int64_t>(p, i));
    case DType::kF8E4M3:
      return f8_e4m3_to_f32(load<uint8_t>(p, i));
    case DType::kF8E5M2:
      return f8_e5m2_to_f32(load<uint8_t>(p, i));
  }
  return 0;
}

// Out of range saturates; NaN becomes zero. C++ leaves both undefined.
template <typename T>
T to_integer(double value) {
  if (!(value == value)) return 0;
  const double low = static_cast<double>(std::numeric_limits<T>::min());
  const double high = static_cast<double>(std::numeric_limits<T>::max());
  if (value <= low) return std::numeric_limits<T>::min();
  if (value >= high) return std::numeric_limits<T>::max();
  return static_cast<T>(value);
}

template <typename T>
void store(void* p, int64_t i, T value) {
  std::memcpy(static_cast<char*>(p) + static_cast<size_t>(i) * sizeof(T), &value, sizeof(T));
}

void store_number(void* p, DType dtype, int64_t i, double value) {
  switch (dtype) {
    case DType::kF32:
      return store(p, i, static_cast<float>(value));
    case DType::kF16:
      return store(p, i, f32_to_f16(static_cast<float>(value)));
    case DType::kBF16:
      return store(p, i, f32_to_bf16(static_cast<float>(value)));
    case DType::kI8:
      return store(p, i, to_integer<int8_t>(value));
    case DType::kU8:
      return store(p, i, to_integer<uint8_t>(value));
    case DType::kI32:
      return store(p, i, to_integer<int32_t>(value));
    case DType::kI64:
      return store(p, i, to_integer<int64_t>(value));
    case DType::kF8E4M3:
      return store(p, i, f32_to_f8_e4m3(static_cast<float>(value)));
    case DType::kF8E5M2:
      return store(p, i, f32_to_f8_e5m2(static_cast<float>(value)));
  }
}

}  // namespace

float f16_to_f32(uint16_t bits) noexcept {
  const uint32_t exponent = bits >> 10 & 0x1fU;
  if (exponent == 0 || exponent == 0x1f) return Half::decode(bits);
  // Quickly for normal numbers: the fields in f32's places, the exponent counted from 127 instead of 15.
  const uint32_t sign = (bits & 0x8000U) << 16, magnitude = bits & 0x7fffU;
  return std::bit_cast<float>(sign | ((magnitude << 13) + ((127U - 15U) << 23)));
}
uint16_t f32_to_f16(float value) noexcept { return static_cast<uint16_t>(Half::encode(value)); }
float bf16_to_f32(uint16_t bits) noexcept { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
uint16_t f32_to_bf16(float value) noexcept {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffU) > 0x7f800000U) return 0x7fc0;  // as torch: one NaN for all
  return static_cast<uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}
float f8_e4m3_to_f32(uint8_t bits) noexcept { return Float8E4M3::decode(bits); }
uint8_t f32_to_f8_e4m3(float value) noexcept { return static_cast<uint8_t>(Float8E4M3::encode(value)); }
float f8_e5m2_to_f32(uint8_t bits) noexcept { return Float8E5M2::decode(bits); }
uint8_t f32_to_f8_e5m2(float value) noexcept { return static_cast<uint8_t>(Float8E5M2::encode(value)); }

void convert(const void* source, DType from, void* target, DType to, int64_t n) {
  if (from == to) {
    std::memcpy(target, source, static_cast<size_t>(n) * size_of(from));
    return;
  }
#pragma omp parallel for if (n > 65536) schedule(static)
  for (int64_t i = 0; i < n; ++i) store_number(target, to, i, load_number(source, from, i));
}

}  // namespace swan

#include "core/generator.h"

#include <cmath>
#include <numbers>

#include "core/error.h"

namespace swan {

namespace {
constexpr size_t kBlock = 16;

// One block of uniform numbers becomes one of normal numbers: value j and value j + 8 are a Box-Muller pair. The steps
// round to f32 where torch's vector path does; logarithm, sine and cosine are the C library's.
void box_muller(std::span<float, kBlock> block) {
  constexpr float kTwoPi = 2 * std::numbers::pi_v<float>;
  for (size_t j = 0; j < kBlock / 2; ++j) {
    const float radius = std::sqrt(-2.0F * std::log(1.0F - block[j]));  // 1 - [0, 1): the logarithm stays finite
    const float theta = kTwoPi * block[j + kBlock / 2];
    block[j] = radius * std::cos(theta);
    block[j + kBlock / 2] = radius * std::sin(theta);
  }
}
}  // namespace

Generator::Generator(uint64_t seed) : engine_(static_cast<uint32_t>(seed)) {}

float Generator::uniform_f32() {
  constexpr int kDigits = 24;
  return static_cast<float>(engine_() & ((1U << kDigits) - 1)) * 0x1p-24F;
}

double Generator::uniform_f64() {
  constexpr int kDigits = 53;
  const uint64_t high = engine_();
  const uint64_t low = engine_();
  return static_cast<double>((high << 32 | low) & ((uint64_t{1} << kDigits) - 1)) * 0x1p-53;
}

double Generator::normal_f64() {
  if (spare_) {
    const double value = *spare_;
    spare_.reset();
    return value;
  }
  const double theta = 2 * std::numbers::pi * uniform_f64();
  const double radius = std::sqrt(-2 * std::log1p(-uniform_f64()));
  spare_ = radius * std::sin(theta);
  return radius * std::cos(theta);
}

void Generator::fill_normal(std::span<float> values, bool by_block) {
  const size_t size = values.size();
  if (size < kBlock) {
    for (float& v : values) v = static_cast<float>(normal_f64());
    return;
  }
  // By block or not differs in where the numbers for the tail come from: torch draws f32 uniforms for the whole tensor
  // first, those of an incomplete last block included, and f16 and bf16 ones block by block.
  const size_t drawn = by_block ? size - size % kBlock : size;
  for (float& v : values.first(drawn)) v = uniform_f32();
  for (size_t i = 0; i + kBlock <= size; i += kBlock) box_muller(values.subspan(i).first<kBlock>());
  if (size % kBlock != 0) {  // the last 16 are drawn anew, over values that were final already
    const auto tail = values.last<kBlock>();
    for (float& v : tail) v = uniform_f32();
    box_muller(tail);
  }
}

Tensor Generator::randn(const Shape& shape, DType dtype) {
  if (dtype != DType::kF32 && dtype != DType::kF16 && dtype != DType::kBF16)
    fail(ErrorCode::kInvalidArgument, "randn: normal numbers of dtype {} are not drawn; use f32, f16 or bf16.", dtype);
  Tensor values = Tensor::empty(shape, DType::kF32);
  fill_normal({values.data_mut<float>(), static_cast<size_t>(shape.numel())}, dtype != DType::kF32);
  return values.to(dtype);
}

}  // namespace swan

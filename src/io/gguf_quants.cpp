// Ref: ggml's ggml-quants.c (dequantize_row_*), ggml-common.h (block_*); gguf-py's quants.py
#include "io/gguf_quants.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "core/convert.h"
#include "core/parallel.h"

namespace swan::io {

namespace {

constexpr size_t kSmall = 32;                         // elements of a block of Q4_0 and its kin
constexpr size_t kSuper = 256, kSub = 32, kRow = 16;  // of a "K" block; those that share a scale in it

float scale_at(const uint8_t* p) {
  uint16_t bits;
  std::memcpy(&bits, p, sizeof(bits));
  return f16_to_f32(bits);
}

// Blocks of 32: a scale, perhaps a minimum, perhaps fifth bits, then nibbles: element i is the low one of byte i,
// element 16 + i the high one.
void nibbles(const uint8_t* packed, std::array<int, kSmall>& values) {
  for (size_t i = 0; i < kSmall / 2; ++i) {
    values[i] = packed[i] & 0xF;
    values[i + kSmall / 2] = packed[i] >> 4;
  }
}
void add_fifth_bits(const uint8_t* packed, std::array<int, kSmall>& values) {
  uint32_t bits;
  std::memcpy(&bits, packed, sizeof(bits));
  for (size_t i = 0; i < kSmall; ++i) values[i] |= static_cast<int>(bits >> i & 1U) << 4;
}
void scaled(const std::array<int, kSmall>& values, float scale, int zero, float* out) {
  for (size_t i = 0; i < kSmall; ++i) out[i] = scale * static_cast<float>(values[i] - zero);
}
void scaled_from(const std::array<int, kSmall>& values, float scale, float minimum, float* out) {
  for (size_t i = 0; i < kSmall; ++i) out[i] = scale * static_cast<float>(values[i]) + minimum;
}

void dequantise_q4_0(const uint8_t* block, float* out) {
  std::array<int, kSmall> q;
  nibbles(block + 2, q);
  scaled(q, scale_at(block), 8, out);
}
void dequantise_q4_1(const uint8_t* block, float* out) {
  std::array<int, kSmall> q;
  nibbles(block + 4, q);
  scaled_from(q, scale_at(block), scale_at(block + 2), out);
}
void dequantise_q5_0(const uint8_t* block, float* out) {
  std::array<int, kSmall> q;
  nibbles(block + 6, q);
  add_fifth_bits(block + 2, q);
  scaled(q, scale_at(block), 16, out);
}
void dequantise_q5_1(const uint8_t* block, float* out) {
  std::array<int, kSmall> q;
  nibbles(block + 8, q);
  add_fifth_bits(block + 4, q);
  scaled_from(q, scale_at(block), scale_at(block + 2), out);
}
void dequantise_q8_0(const uint8_t* block, float* out) {
  const float scale = scale_at(block);
  for (size_t i = 0; i < kSmall; ++i) out[i] = scale * static_cast<float>(static_cast<int8_t>(block[2 + i]));
}

// Blocks of 256, "K": scales of parts are numbers of few bits, times a scale of the whole. __restrict, because bytes
// may be those of the floats as far as C++ knows: without it Q2_K, Q3_K and Q6_K take twice as long.

// Q2_K: 16 bytes of scales (low nibble) and minima (high), 64 of 2-bit values, scale, scale of the minima. A run of 128
// values is in 32 bytes: part 2 j and 2 j + 1 of 16 values in bits 2 j of their bytes.
void dequantise_q2_k(const uint8_t* __restrict block, float* __restrict out) {
  const uint8_t *scales = block, *q = block + 16;
  const float d = scale_at(block + 80), dmin = scale_at(block + 82);
  for (size_t part = 0; part < kSuper / kRow; ++part) {
    const float scale = d * static_cast<float>(scales[part] & 0xF),
                minimum = dmin * static_cast<float>(scales[part] >> 4);
    const uint8_t* bytes = q + part / 8 * 32 + part % 2 * kRow;
    const size_t shift = part % 8 / 2 * 2;
    for (size_t i = 0; i < kRow; ++i) *out++ = scale * static_cast<float>(bytes[i] >> shift & 3) - minimum;
  }
}

// Q3_K: 32 bytes of third bits, 64 of the lower two as in Q2_K, 12 of 6-bit scales, scale. A third bit that is not set
// means minus 4.
void dequantise_q3_k(const uint8_t* __restrict block, float* __restrict out) {
  const uint8_t *high = block, *q = block + 32, *packed = block + 96;
  const float d = scale_at(block + 108);
  for (size_t part = 0; part < kSuper / kRow; ++part) {
    const int low_bits = part < 8 ? packed[part] & 0xF : packed[part - 8] >> 4;
    const int high_bits = packed[8 + part % 4] >> (part / 4 * 2) & 3;
    const float scale = d * static_cast<float>((low_bits | high_bits << 4) - 32);
    const uint8_t *bytes = q + part / 8 * 32 + part % 2 * kRow, *third = high + part % 2 * kRow;
    const size_t shift = part % 8 / 2 * 2, bit = part / 2;
    for (size_t i = 0; i < kRow; ++i)
      *out++ = scale * static_cast<float>((bytes[i] >> shift & 3) - ((third[i] >> bit & 1) != 0 ? 0 : 4));
  }
}

// The 6-bit scales and minima of Q4_K's and Q5_K's 8 parts, in 12 bytes: of the first four in bytes 0 to 3 and 4 to 7,
// of the last four low bits in bytes 8 to 11 and high bits in the upper two of those before.
struct PartScale {
  float scale, minimum;
};
std::array<PartScale, kSuper / kSub> part_scales(const uint8_t* block) {
  const float d = scale_at(block), dmin = scale_at(block + 2);
  const uint8_t* packed = block + 4;
  std::array<PartScale, kSuper / kSub> parts{};
  for (size_t j = 0; j < 4; ++j) {
    parts[j] = {d * static_cast<float>(packed[j] & 63), dmin * static_cast<float>(packed[j + 4] & 63)};
    parts[j + 4] = {d * static_cast<float>((packed[j + 8] & 0xF) | (packed[j] >> 6) << 4),
                    dmin * static_cast<float>((packed[j + 8] >> 4) | (packed[j + 4] >> 6) << 4)};
  }
  return parts;
}

// Q4_K: scale, scale of the minima, 12 bytes of part_scales, 128 of nibbles. 32 bytes hold two parts, low nibbles
// first.
void dequantise_q4_k(const uint8_t* __restrict block, float* __restrict out) {
  const auto parts = part_scales(block);
  const uint8_t* q = block + 16;
  for (size_t j = 0; j < parts.size(); j += 2, q += kSub) {
    for (size_t i = 0; i < kSub; ++i) *out++ = parts[j].scale * static_cast<float>(q[i] & 0xF) - parts[j].minimum;
    for (size_t i = 0; i < kSub; ++i)
      *out++ = parts[j + 1].scale * static_cast<float>(q[i] >> 4) - parts[j + 1].minimum;
  }
}

// Q5_K: as Q4_K, with 32 bytes of fifth bits before the nibbles; part j has bit j of each.
void dequantise_q5_k(const uint8_t* __restrict block, float* __restrict out) {
  const auto parts = part_scales(block);
  const uint8_t *fifth = block + 16, *q = block + 48;
  for (size_t j = 0; j < parts.size(); j += 2, q += kSub) {
    for (size_t i = 0; i < kSub; ++i)
      *out++ = parts[j].scale * static_cast<float>((q[i] & 0xF) | (fifth[i] >> j & 1) << 4) - parts[j].minimum;
    for (size_t i = 0; i < kSub; ++i)
      *out++ =
          parts[j + 1].scale * static_cast<float>((q[i] >> 4) | (fifth[i] >> (j + 1) & 1) << 4) - parts[j + 1].minimum;
  }
}

// Q6_K: 128 bytes of nibbles, 64 of upper two bits, 16 signed scales, scale. Of a run of 128 values, 32 k + i has its
// nibble in byte i + 32 (k % 2), low for k < 2, and its upper bits in bits 2 k of byte i.
void dequantise_q6_k(const uint8_t* __restrict block, float* __restrict out) {
  const float d = scale_at(block + 208);
  const auto* scales = reinterpret_cast<const int8_t*>(block + 192);
  for (size_t run = 0; run < 2; ++run, scales += 8, out += 128) {
    const uint8_t *low = block + run * 64, *high = block + 128 + run * 32;
    for (size_t half = 0; half < 2; ++half) {
      const size_t first = half * kRow;
      const float scale0 = d * static_cast<float>(scales[half]), scale1 = d * static_cast<float>(scales[2 + half]);
      const float scale2 = d * static_cast<float>(scales[4 + half]), scale3 = d * static_cast<float>(scales[6 + half]);
      for (size_t i = first; i < first + kRow; ++i) {
        const int a = low[i], b = low[i + 32], h = high[i];
        out[i] = scale0 * static_cast<float>(((a & 0xF) | (h & 3) << 4) - 32);
        out[i + 32] = scale1 * static_cast<float>(((b & 0xF) | (h >> 2 & 3) << 4) - 32);
        out[i + 64] = scale2 * static_cast<float>((a >> 4 | (h >> 4 & 3) << 4) - 32);
        out[i + 96] = scale3 * static_cast<float>((b >> 4 | (h >> 6) << 4) - 32);
      }
    }
  }
}

// ggml.h, enum ggml_type; gguf-py's constants.py, GGML_QUANT_SIZES. Numbers that are missing were taken out of the
// format.
constexpr std::array kTypes = std::to_array<GgufType>({
    {0, {"F32", 1, 4}, DType::kF32},
    {1, {"F16", 1, 2}, DType::kF16},
    {2, {"Q4_0", 32, 18, dequantise_q4_0}, DType::kBF16},
    {3, {"Q4_1", 32, 20, dequantise_q4_1}, DType::kBF16},
    {6, {"Q5_0", 32, 22, dequantise_q5_0}, DType::kBF16},
    {7, {"Q5_1", 32, 24, dequantise_q5_1}, DType::kBF16},
    {8, {"Q8_0", 32, 34, dequantise_q8_0}, DType::kBF16},
    {9, {"Q8_1", 32, 40}},
    {10, {"Q2_K", 256, 84, dequantise_q2_k}, DType::kBF16},
    {11, {"Q3_K", 256, 110, dequantise_q3_k}, DType::kBF16},
    {12, {"Q4_K", 256, 144, dequantise_q4_k}, DType::kBF16},
    {13, {"Q5_K", 256, 176, dequantise_q5_k}, DType::kBF16},
    {14, {"Q6_K", 256, 210, dequantise_q6_k}, DType::kBF16},
    {15, {"Q8_K", 256, 292}},
    {16, {"IQ2_XXS", 256, 66}},
    {17, {"IQ2_XS", 256, 74}},
    {18, {"IQ3_XXS", 256, 98}},
    {19, {"IQ1_S", 256, 50}},
    {20, {"IQ4_NL", 32, 18}},
    {21, {"IQ3_S", 256, 110}},
    {22, {"IQ2_S", 256, 82}},
    {23, {"IQ4_XS", 256, 136}},
    {24, {"I8", 1, 1}, DType::kI8},
    {25, {"I16", 1, 2}},
    {26, {"I32", 1, 4}, DType::kI32},
    {27, {"I64", 1, 8}, DType::kI64},
    {28, {"F64", 1, 8}},
    {29, {"IQ1_M", 256, 56}},
    {30, {"BF16", 1, 2}, DType::kBF16},
    {34, {"TQ1_0", 256, 54}},
    {35, {"TQ2_0", 256, 66}},
    {39, {"MXFP4", 32, 17}},
    {40, {"NVFP4", 64, 36}},
    {41, {"Q1_0", 128, 18}},
});

// f32_to_bf16 for many, without a call for each.
void round_to_bf16(const float* values, int64_t n, uint16_t* out) {
  for (int64_t i = 0; i < n; ++i) {
    const auto bits = std::bit_cast<uint32_t>(values[i]);
    const uint32_t rounded = (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16;
    out[i] = static_cast<uint16_t>((bits & 0x7fffffffU) > 0x7f800000U ? 0x7fc0U : rounded);
  }
}

}  // namespace

const GgufType* find_gguf_type(uint32_t id) {
  const auto* found = std::find_if(kTypes.begin(), kTypes.end(), [&](const GgufType& type) { return type.id == id; });
  return found == kTypes.end() ? nullptr : found;
}

void dequantise(const BlockFormat& format, const uint8_t* blocks, int64_t count, uint16_t* out) {
  constexpr int64_t kGrain = 1 << 16;  // elements of a task
  parallel_ranges(count, kGrain / format.block, [&](int64_t begin, int64_t end) {
    std::array<float, kLargestBlock> values;
    for (int64_t i = begin; i < end; ++i) {
      format.dequantise(blocks + static_cast<size_t>(i) * format.block_bytes, values.data());
      round_to_bf16(values.data(), format.block, out + i * format.block);
    }
  });
}

}  // namespace swan::io

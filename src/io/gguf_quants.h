#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "swan/tensor.h"

namespace swan::io {

/// How a GGUF file stores elements: one by one, or in blocks that share scales.
struct GgufType {
  uint32_t id = 0;
  std::string_view name;  ///< "Q4_K"
  int64_t block = 1;      ///< elements of a block
  size_t block_bytes = 1;
  /// What tensors of it are read as; none for a type that Swan lacks.
  std::optional<DType> dtype = {};
  /// Writes the values of one block, in f32; null for a type whose elements are of `dtype` already.
  void (*dequantise)(const uint8_t* block, float* values) = nullptr;
};

/// @return null for a number that no version of the format has given to a type
[[nodiscard]] const GgufType* find_gguf_type(uint32_t id);

/// The most elements of a block.
constexpr int64_t kLargestGgufBlock = 256;

/// The values of blocks of a type with dequantise(), computed in f32 and rounded once to bf16. Parallel.
/// @param blocks  block_bytes each; need not be aligned  @param out  block elements for each
void dequantise(const GgufType& type, const uint8_t* blocks, int64_t count, uint16_t* out);

}  // namespace swan::io

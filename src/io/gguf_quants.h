#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/block_matrix.h"
#include "swan/tensor.h"

namespace swan::io {

/// How a GGUF file stores elements.
struct GgufType {
  uint32_t id = 0;
  BlockFormat format;  ///< without dequantise(): elements of `dtype`, or of a type that Swan lacks
  /// What tensors of it are read as; none for a type that Swan lacks.
  std::optional<DType> dtype = {};
};

/// @return null for a number that no version of the format has given to a type
[[nodiscard]] const GgufType* find_gguf_type(uint32_t id);

/// The values of blocks of a format with dequantise(), computed in f32 and rounded once to bf16. Parallel.
/// @param blocks  block_bytes each; need not be aligned  @param out  block elements for each
void dequantise(const BlockFormat& format, const uint8_t* blocks, int64_t count, uint16_t* out);

}  // namespace swan::io

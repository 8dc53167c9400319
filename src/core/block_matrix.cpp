#include "core/block_matrix.h"

#include <utility>

#include "core/error.h"

namespace swan {

BlockMatrix::BlockMatrix(const BlockFormat& format, Tensor bytes, int64_t rows, int64_t columns)
    : format_(&format), bytes_(std::move(bytes)), rows_(rows), columns_(columns) {
  SWAN_ASSERT(format.dequantise != nullptr && columns % format.block == 0);
  SWAN_ASSERT(bytes_.dtype() == DType::kU8 &&
              bytes_.nbytes() == static_cast<size_t>(rows * (columns / format.block)) * format.block_bytes);
}

void BlockMatrix::widen(int64_t begin, int64_t end, float* out) const {
  const int64_t in_row = columns_ / format_->block;
  const uint8_t* block = bytes_.data<uint8_t>() + static_cast<size_t>(begin * in_row) * format_->block_bytes;
  for (int64_t i = (end - begin) * in_row; i > 0; --i, block += format_->block_bytes, out += format_->block)
    format_->dequantise(block, out);
}

}  // namespace swan

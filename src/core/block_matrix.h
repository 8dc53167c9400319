#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "swan/tensor.h"

namespace swan {

/// The most elements of a block.
constexpr int64_t kLargestBlock = 256;

/// How numbers are stored in blocks that share scales, as those of quantised GGUF tensors are. A table's row: it lives
/// as long as the program.
struct BlockFormat {
  std::string_view name;  ///< "Q4_K"
  int64_t block = 1;      ///< elements of a block
  size_t block_bytes = 1;
  /// Writes the values of one block, which need not be aligned; null: the elements are stored one by one.
  void (*dequantise)(const uint8_t* block, float* values) = nullptr;
};

/// A matrix that stays in its blocks. Its values are made where they are needed, a slice of rows at a time.
class BlockMatrix {
 public:
  BlockMatrix() = default;  ///< undefined
  /// @param bytes   of the rows, one after the other, u8; a view of a mapped file, say
  /// @param format  with dequantise();  @param columns  a multiple of its block
  /// @throws Error kInternal when these do not fit each other
  BlockMatrix(const BlockFormat& format, Tensor bytes, int64_t rows, int64_t columns);

  [[nodiscard]] bool defined() const noexcept { return format_ != nullptr; }
  [[nodiscard]] int64_t rows() const noexcept { return rows_; }
  [[nodiscard]] int64_t columns() const noexcept { return columns_; }
  [[nodiscard]] const BlockFormat& format() const noexcept { return *format_; }
  /// Rows [begin, end) in f32. Serial: for use inside tasks. @param out  (end - begin) * columns() elements
  void widen(int64_t begin, int64_t end, float* out) const;
  /// Gives the pages of mapped bytes back until they are used again.
  void drop_pages() const { bytes_.drop_pages(); }

 private:
  const BlockFormat* format_ = nullptr;
  Tensor bytes_;
  int64_t rows_ = 0, columns_ = 0;
};

}  // namespace swan

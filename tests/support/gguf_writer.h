#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace swan::support {

/// Writes GGUF files, true or not.
class GgufWriter {
 public:
  /// A key with a value of any type: its number, and its bytes.
  GgufWriter& key(std::string_view name, uint32_t type, std::string_view value);
  GgufWriter& text(std::string_view name, std::string_view value);
  GgufWriter& number(std::string_view name, uint32_t value);
  /// A list of i32, as ComfyUI-GGUF writes shapes.
  GgufWriter& numbers(std::string_view name, const std::vector<int32_t>& values);
  /// @param shape  outermost dimension first;  @param type  its number in the format
  GgufWriter& tensor(std::string_view name, const std::vector<uint64_t>& shape, uint32_t type, std::string_view bytes);
  /// The same, which the header says to lie at `offset` of the data; nothing is put there.
  GgufWriter& tensor_at(std::string_view name, const std::vector<uint64_t>& shape, uint32_t type, uint64_t offset);
  /// @param more_tensors, more_keys  that the header claims beyond those there are
  [[nodiscard]] std::string finish(uint32_t version = 3, uint64_t more_tensors = 0, uint64_t more_keys = 0) const;

  uint64_t alignment = 32;  ///< of tensors in the data; the file says so only if `number` tells it

 private:
  std::string keys_, tensors_, data_;
  uint64_t key_count_ = 0, tensor_count_ = 0;
};

/// Values in blocks of 32 as Q8_0, which become what the blocks stand for. Ref: ggml-quants.c, quantize_row_q8_0
/// @param count  a multiple of 32
[[nodiscard]] std::string q8_0_blocks(float* values, int64_t count);

/// The bytes of a number, lowest first.
template <typename T>
std::string little_endian(T value) {
  std::string bytes;
  for (size_t i = 0; i < sizeof(T); ++i) bytes += static_cast<char>(static_cast<uint64_t>(value) >> (8 * i) & 0xFF);
  return bytes;
}

}  // namespace swan::support

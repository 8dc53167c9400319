#include "support/gguf_writer.h"

#include <algorithm>
#include <cmath>

#include "core/convert.h"

namespace swan::support {

namespace {
constexpr uint32_t kU32 = 4, kI32 = 5, kText = 8, kArray = 9;

std::string counted(std::string_view text) { return little_endian(uint64_t{text.size()}) + std::string(text); }
}  // namespace

GgufWriter& GgufWriter::key(std::string_view name, uint32_t type, std::string_view value) {
  keys_ += counted(name) + little_endian(type) + std::string(value);
  ++key_count_;
  return *this;
}
GgufWriter& GgufWriter::text(std::string_view name, std::string_view value) { return key(name, kText, counted(value)); }
GgufWriter& GgufWriter::number(std::string_view name, uint32_t value) { return key(name, kU32, little_endian(value)); }
GgufWriter& GgufWriter::numbers(std::string_view name, const std::vector<int32_t>& values) {
  std::string bytes = little_endian(kI32) + little_endian(uint64_t{values.size()});
  for (const int32_t value : values) bytes += little_endian(value);
  return key(name, kArray, bytes);
}

GgufWriter& GgufWriter::tensor(std::string_view name, const std::vector<uint64_t>& shape, uint32_t type,
                               std::string_view bytes) {
  data_.resize((data_.size() + alignment - 1) / alignment * alignment);
  (void)tensor_at(name, shape, type, data_.size());
  data_ += bytes;
  return *this;
}
GgufWriter& GgufWriter::tensor_at(std::string_view name, const std::vector<uint64_t>& shape, uint32_t type,
                                  uint64_t offset) {
  tensors_ += counted(name) + little_endian(static_cast<uint32_t>(shape.size()));
  for (size_t i = shape.size(); i-- > 0;) tensors_ += little_endian(shape[i]);
  tensors_ += little_endian(type) + little_endian(offset);
  ++tensor_count_;
  return *this;
}

std::string q8_0_blocks(float* values, int64_t count) {
  constexpr int64_t kBlock = 32;
  std::string bytes;
  for (float* block = values; block < values + count; block += kBlock) {
    float largest = 0;
    for (int64_t i = 0; i < kBlock; ++i) largest = std::max(largest, std::abs(block[i]));
    const float step = largest / 127;
    const uint16_t scale = f32_to_f16(step);
    bytes += little_endian(scale);
    for (int64_t i = 0; i < kBlock; ++i) {
      const float q = step > 0 ? std::round(block[i] / step) : 0.0F;
      bytes += static_cast<char>(static_cast<int8_t>(q));
      block[i] = f16_to_f32(scale) * q;
    }
  }
  return bytes;
}

std::string GgufWriter::finish(uint32_t version, uint64_t more_tensors, uint64_t more_keys) const {
  std::string file = "GGUF" + little_endian(version) + little_endian(tensor_count_ + more_tensors) +
                     little_endian(key_count_ + more_keys) + keys_ + tensors_;
  file.resize((file.size() + alignment - 1) / alignment * alignment);
  return file + data_;
}

}  // namespace swan::support

#include "io/gguf_file.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/text.h"
#include "io/gguf_header.h"
#include "io/system.h"

namespace swan::io {

namespace {

// How long a header is shows only when it is read. Most take far less than the first try; a try that fails for want of
// bytes, or for anything else, is made again with more, as long as there are more.
GgufHeader read_header(const OpenFile& file, const std::string& path) {
  constexpr size_t kFirst = 1 << 20, kFactor = 10;
  const size_t most = std::min(file.bytes, kLargestGgufHeader);
  for (size_t bytes = std::min(kFirst, most);; bytes = std::min(bytes * kFactor, most)) {
    const std::string start = read_at(file, path, 0, bytes);
    try {
      return parse_gguf_header(path, start, file.bytes);
    } catch (const Error&) {
      if (bytes == most) throw;
    }
  }
}

}  // namespace

bool GgufFile::is_one(std::string_view start) noexcept { return start.starts_with("GGUF"); }

std::shared_ptr<const GgufFile> GgufFile::open(const std::string& path) {
  OpenFile opened = open_file(path);
  GgufHeader header = read_header(opened, path);
  const std::shared_ptr<GgufFile> file(new GgufFile(path));
  for (auto& [name, tensor] : header.tensors) {
    file->types_.emplace(name, tensor.type);
    file->entries_.emplace(name, std::move(tensor.entry));
  }
  file->metadata_ = std::move(header.metadata);
  file->data_offset_ = header.data_offset;
  file->mapping_ = MappedFile::map(std::move(opened), path);
  return file;
}

std::string GgufFile::stored_type(const std::string& name) const {
  const auto type = types_.find(name);
  return type == types_.end() ? TensorFile::stored_type(name) : in_lower_case(std::string(type->second->format.name));
}

Tensor GgufFile::read(const std::string& name, const TensorEntry& entry) const {
  const BlockFormat& format = types_.at(name)->format;
  if (format.dequantise == nullptr) return mapping_->tensor(name, data_offset_ + entry.begin, entry.shape, entry.dtype);
  mapping_->check_length(name);
  Tensor out = Tensor::empty(entry.shape, entry.dtype);
  const auto* blocks = reinterpret_cast<const uint8_t*>(mapping_->data()) + data_offset_ + entry.begin;
  dequantise(format, blocks, entry.shape.numel() / format.block, static_cast<uint16_t*>(out.raw_mut()));
  return out;
}

BlockMatrix GgufFile::read_blocks(const std::string& name, const TensorEntry& entry) const {
  const BlockFormat& format = types_.at(name)->format;
  const int64_t rows = entry.shape[0], columns = entry.shape[1];
  if (format.dequantise == nullptr || columns % format.block != 0) return {};
  const auto bytes = static_cast<int64_t>(entry.end - entry.begin);
  return {format, mapping_->tensor(name, data_offset_ + entry.begin, {bytes}, DType::kU8), rows, columns};
}

}  // namespace swan::io

#include "io/safetensors.h"

#include <utility>

#include "core/error.h"
#include "io/safetensors_header.h"
#include "io/system.h"

namespace swan::io {

std::shared_ptr<const SafetensorsFile> SafetensorsFile::open(const std::string& path) {
  constexpr size_t kLengthBytes = 8;
  OpenFile opened = open_file(path);
  if (opened.bytes < kLengthBytes)
    fail(ErrorCode::kCorruptFile,
         "cannot read {}: it has {} bytes, too few for a safetensors file; download or export the file again.", path,
         opened.bytes);
  // The header is read, not mapped: a file that shrinks meanwhile is then an error instead of a signal.
  const std::string prefix = read_at(opened, path, 0, kLengthBytes);
  uint64_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i)
    length |= static_cast<uint64_t>(static_cast<unsigned char>(prefix[i])) << (8 * i);
  if (length > kMaxHeaderBytes)
    fail(ErrorCode::kCorruptFile,
         "cannot read {}: its header claims {} bytes, but at most {} are allowed: it is not a safetensors file, or "
         "damaged; download or export the file again.",
         path, length, kMaxHeaderBytes);
  if (length > opened.bytes - kLengthBytes)
    fail(ErrorCode::kCorruptFile,
         "cannot read {}: its header claims {} bytes, but the file has only {}: it is truncated; download or export "
         "the file again.",
         path, length, opened.bytes);

  const std::shared_ptr<SafetensorsFile> file(new SafetensorsFile(path));
  file->data_offset_ = kLengthBytes + length;
  SafetensorsHeader header =
      parse_safetensors_header(path, read_at(opened, path, kLengthBytes, length), opened.bytes - file->data_offset_);
  file->entries_ = std::move(header.entries);
  file->metadata_ = std::move(header.metadata);
  file->mapping_ = MappedFile::map(std::move(opened), path);
  return file;
}

Tensor SafetensorsFile::read(const std::string& name, const TensorEntry& entry) const {
  return mapping_->tensor(name, data_offset_ + entry.begin, entry.shape, entry.dtype);
}

}  // namespace swan::io

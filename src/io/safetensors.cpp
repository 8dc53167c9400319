#include "io/safetensors.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "io/safetensors_header.h"
#include "io/system.h"

namespace swan::io {

// A whole file mapped for reading. No madvise: weights are read front to back once when they are packed and at random
// when they are used in place, and the kernel's default readahead suits both; asking for everything at once would not.
class SafetensorsFile::Mapping {
 public:
  Mapping(OpenFile file, const std::string& path) : file_(std::move(file)) {
    void* address = ::mmap(nullptr, file_.bytes, PROT_READ, MAP_PRIVATE, file_.fd.get(), 0);
    if (address == MAP_FAILED)
      fail(ErrorCode::kIo, "cannot map {} ({} bytes) into memory: {}.", path, file_.bytes, system_message(errno));
    address_ = static_cast<const char*>(address);
  }
  ~Mapping() { ::munmap(const_cast<char*>(address_), file_.bytes); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  [[nodiscard]] const char* data() const noexcept { return address_; }

  // Reading a page beyond the end of a shortened file kills the process. This catches what happened before now.
  [[nodiscard]] bool shortened() const noexcept {
    struct stat status {};
    return ::fstat(file_.fd.get(), &status) != 0 || static_cast<size_t>(status.st_size) < file_.bytes;
  }

 private:
  OpenFile file_;
  const char* address_ = nullptr;
};

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

  const std::shared_ptr<SafetensorsFile> file(new SafetensorsFile);
  file->path_ = path;
  file->data_offset_ = kLengthBytes + length;
  SafetensorsHeader header =
      parse_safetensors_header(path, read_at(opened, path, kLengthBytes, length), opened.bytes - file->data_offset_);
  file->entries_ = std::move(header.entries);
  file->metadata_ = std::move(header.metadata);
  file->mapping_ = std::make_shared<Mapping>(std::move(opened), path);
  return file;
}

Tensor SafetensorsFile::tensor(const std::string& name) const {
  const auto it = entries_.find(name);
  if (it == entries_.end()) {
    constexpr size_t kShown = 5;
    std::string there;
    size_t count = 0;
    for (const auto& [other, entry] : entries_) {
      if (count++ == kShown) break;
      there += (there.empty() ? "'" : ", '") + other + "'";
    }
    if (entries_.size() > kShown) there += fmt::format(" and {} more", entries_.size() - kShown);
    fail(ErrorCode::kMissingTensor, "tensor '{}' is not in {}, which holds {}; check that it is the right file.", name,
         path_, there.empty() ? "none" : there);
  }
  const TensorEntry& entry = it->second;
  if (!entry.unsupported_dtype.empty())
    fail(ErrorCode::kUnsupported,
         "cannot use tensor '{}' of {}: its dtype {} is not supported; convert it to F32, F16 or BF16.", name, path_,
         entry.unsupported_dtype);
  if (mapping_->shortened())
    fail(ErrorCode::kCorruptFile,
         "cannot read tensor '{}' of {}: the file has become shorter since it was opened; restore it and start again.",
         name, path_);
  const char* address = mapping_->data() + data_offset_ + entry.begin;
  if (reinterpret_cast<uintptr_t>(address) % size_of(entry.dtype) == 0)
    return Tensor::view_of(address, entry.shape, entry.dtype, mapping_, true);
  Tensor copy = Tensor::empty(entry.shape, entry.dtype);
  if (copy.nbytes() > 0) std::memcpy(copy.raw_mut(), address, copy.nbytes());
  return copy;
}

}  // namespace swan::io

#include "io/mapped_file.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace swan::io {

std::shared_ptr<const MappedFile> MappedFile::map(OpenFile file, const std::string& path) {
  return std::shared_ptr<const MappedFile>(new MappedFile(std::move(file), path));
}

// No madvise: weights are read front to back once when they are packed and at random when they are used in place, and
// the kernel's default readahead suits both; asking for everything at once would not.
MappedFile::MappedFile(OpenFile file, const std::string& path) : file_(std::move(file)), path_(path) {
  void* address = ::mmap(nullptr, file_.bytes, PROT_READ, MAP_PRIVATE, file_.fd.get(), 0);
  if (address == MAP_FAILED)
    fail(ErrorCode::kIo, "cannot map {} ({} bytes) into memory: {}.", path, file_.bytes, system_message(errno));
  address_ = static_cast<const char*>(address);
}

MappedFile::~MappedFile() { ::munmap(const_cast<char*>(address_), file_.bytes); }

void MappedFile::check_length(const std::string& name) const {
  struct stat status {};
  if (::fstat(file_.fd.get(), &status) != 0 || static_cast<size_t>(status.st_size) < file_.bytes)
    fail(ErrorCode::kCorruptFile,
         "cannot read tensor '{}' of {}: the file has become shorter since it was opened; restore it and start again.",
         name, path_);
}

Tensor MappedFile::tensor(const std::string& name, size_t offset, const Shape& shape, DType dtype) const {
  check_length(name);
  const char* address = address_ + offset;
  if (reinterpret_cast<uintptr_t>(address) % size_of(dtype) == 0)
    return Tensor::view_of(address, shape, dtype, std::const_pointer_cast<MappedFile>(shared_from_this()), true);
  Tensor copy = Tensor::empty(shape, dtype);
  if (copy.nbytes() > 0) std::memcpy(copy.raw_mut(), address, copy.nbytes());
  return copy;
}

}  // namespace swan::io

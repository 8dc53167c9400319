#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "io/system.h"
#include "swan/tensor.h"

namespace swan::io {

/// A whole file, mapped for reading; tensors may be views of it.
class MappedFile : public std::enable_shared_from_this<MappedFile> {
 public:
  /// @throws Error kIo naming the path and the system's reason
  [[nodiscard]] static std::shared_ptr<const MappedFile> map(OpenFile file, const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] const char* data() const noexcept { return address_; }
  [[nodiscard]] size_t bytes() const noexcept { return file_.bytes; }
  /// Reading a page beyond the end of a shortened file kills the process. Called before bytes are touched, this catches
  /// what happened until then. @param name  of the tensor that they are of  @throws Error kCorruptFile
  void check_length(const std::string& name) const;
  /// The tensor at `offset`, which must lie within the file: a view that keeps the mapping, or a copy where it is not
  /// aligned to its element size. @throws Error as check_length
  [[nodiscard]] Tensor tensor(const std::string& name, size_t offset, const Shape& shape, DType dtype) const;

 private:
  MappedFile(OpenFile file, const std::string& path);

  OpenFile file_;
  std::string path_;
  const char* address_ = nullptr;
};

}  // namespace swan::io

#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "swan/tensor.h"

namespace swan::io {

/// What a safetensors header says about one tensor.
struct TensorEntry {
  DType dtype = DType::kF32;
  Shape shape;
  size_t begin = 0, end = 0;  ///< bytes in the data section
  /// The file's name of an element type that the format knows and Swan does not ("F64"); dtype means nothing then, and
  /// reading the tensor is an error. Usually empty.
  std::string unsupported_dtype = {};
};

/// A safetensors file, mapped into memory and immutable. Opening reads and checks the header alone; tensors are views
/// of the mapping, whose pages the system reads when they are touched. Thread-safe.
class SafetensorsFile {
 public:
  /// @throws Error kNotFound, kIo, or kCorruptFile naming the file, what is wrong with it and the remedy
  [[nodiscard]] static std::shared_ptr<const SafetensorsFile> open(const std::string& path);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const std::map<std::string, TensorEntry>& entries() const noexcept { return entries_; }
  /// The header's "__metadata__".
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }

  /// A view of the mapping, which stays for as long as the view does. A tensor that the file does not align to its
  /// element size is copied instead.
  /// @throws Error kMissingTensor naming some that are there; kUnsupported for an element type that Swan lacks;
  ///         kCorruptFile when the file has been shortened since it was opened
  [[nodiscard]] Tensor tensor(const std::string& name) const;

 private:
  class Mapping;
  SafetensorsFile() = default;

  std::string path_;
  std::shared_ptr<Mapping> mapping_;
  size_t data_offset_ = 0;  // of the data section in the file
  std::map<std::string, TensorEntry> entries_;
  std::map<std::string, std::string> metadata_;
};

/// Writes tensors to a file that SafetensorsFile, and every other reader, opens. It is written under a temporary name
/// beside its target and renamed; after a failure nothing is left behind.
/// @throws Error kInvalidArgument for an undefined tensor or a name that is not UTF-8; kIo naming the path and the
///         system's reason
void write_safetensors(const std::string& path, const std::map<std::string, Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace swan::io

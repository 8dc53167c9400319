#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "io/mapped_file.h"
#include "io/tensor_file.h"
#include "swan/tensor.h"

namespace swan::io {

/// A safetensors file, mapped into memory; tensors are views of the mapping, whose pages the system reads when they are
/// touched.
class SafetensorsFile final : public TensorFile {
 public:
  /// @throws Error kNotFound, kIo, or kCorruptFile naming the file, what is wrong with it and the remedy
  [[nodiscard]] static std::shared_ptr<const SafetensorsFile> open(const std::string& path);

  [[nodiscard]] const char* container() const noexcept override { return "safetensors"; }

 private:
  explicit SafetensorsFile(const std::string& path) : TensorFile(path) {}
  [[nodiscard]] Tensor read(const std::string& name, const TensorEntry& entry) const override;

  std::shared_ptr<const MappedFile> mapping_;
  size_t data_offset_ = 0;  // of the data section in the file
};

/// Writes tensors to a file that SafetensorsFile, and every other reader, opens. It is written under a temporary name
/// beside its target and renamed; after a failure nothing is left behind.
/// @throws Error kInvalidArgument for an undefined tensor or a name that is not UTF-8; kIo naming the path and the
///         system's reason
void write_safetensors(const std::string& path, const std::map<std::string, Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace swan::io

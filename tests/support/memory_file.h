#pragma once

#include <map>
#include <memory>
#include <string>

#include "io/tensor_file.h"
#include "swan/error.h"

namespace swan::support {

/// A file of tensors that is none: it holds what it is given, or entries alone, whose tensors cannot be read.
class MemoryFile final : public io::TensorFile {
 public:
  explicit MemoryFile(std::map<std::string, io::TensorEntry> entries, const std::string& path = "memory")
      : TensorFile(path) {
    entries_ = std::move(entries);
  }
  explicit MemoryFile(std::map<std::string, Tensor> tensors, const std::string& path = "memory")
      : TensorFile(path), tensors_(std::move(tensors)) {
    for (const auto& [name, tensor] : tensors_)
      entries_[name] = {.dtype = tensor.dtype(), .shape = tensor.shape(), .begin = 0, .end = tensor.nbytes()};
  }

 private:
  [[nodiscard]] Tensor read(const std::string& name, const io::TensorEntry& /*entry*/) const override {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) throw Error(ErrorCode::kMissingTensor, "'" + name + "' has no values.");
    return found->second;
  }

  std::map<std::string, Tensor> tensors_;
};

}  // namespace swan::support

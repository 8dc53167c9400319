#include <vector>

#include "core/error.h"
#include "io/safetensors.h"
#include "io/safetensors_shards.h"

namespace swan::io {

void write_safetensors(const std::string& path, const std::map<std::string, Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<StoredTensor> stored;
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.defined()) fail(ErrorCode::kInvalidArgument, "cannot write {}: tensor '{}' is undefined.", path, name);
    stored.push_back({.name = name, .dtype = tensor.dtype(), .shape = tensor.shape()});
  }
  write_safetensors(path, stored, metadata, [&](const StoredTensor& s, AtomicFile& file) {
    const Tensor& tensor = tensors.at(s.name);
    file.write(tensor.raw(), tensor.nbytes());
  });
}

}  // namespace swan::io

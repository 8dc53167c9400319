#include <algorithm>
#include <utility>
#include <vector>

#include "core/error.h"
#include "io/safetensors.h"
#include "io/safetensors_header.h"
#include "io/system.h"

namespace swan::io {

void write_safetensors(const std::string& path, const std::map<std::string, Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  // The widest elements first, as the reference writes them: every tensor is then aligned to its elements.
  std::vector<std::pair<const std::string*, const Tensor*>> order;
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.defined()) fail(ErrorCode::kInvalidArgument, "cannot write {}: tensor '{}' is undefined.", path, name);
    order.emplace_back(&name, &tensor);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return size_of(a.second->dtype()) > size_of(b.second->dtype());
  });
  std::map<std::string, TensorEntry> entries;
  size_t position = 0;
  for (const auto& [name, tensor] : order) {
    const size_t begin = std::exchange(position, position + tensor->nbytes());
    entries[*name] = {.dtype = tensor->dtype(), .shape = tensor->shape(), .begin = begin, .end = position};
  }
  const std::string header = make_safetensors_header(entries, metadata);
  AtomicFile file(path);
  file.write(header);
  for (const auto& [name, tensor] : order) file.write(tensor->raw(), tensor->nbytes());
  file.commit();
}

}  // namespace swan::io

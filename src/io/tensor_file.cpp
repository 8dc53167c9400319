#include "io/tensor_file.h"

#include "core/error.h"
#include "core/text.h"

namespace swan::io {

TensorFile::~TensorFile() = default;

const TensorEntry& TensorFile::entry_of(const std::string& name) const {
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
  return it->second;
}

Tensor TensorFile::tensor(const std::string& name) const {
  const TensorEntry& entry = entry_of(name);
  if (!entry.unsupported_dtype.empty())
    fail(ErrorCode::kUnsupported,
         "cannot use tensor '{}' of {}: its dtype {} is not supported; convert it to F32, F16 or BF16.", name, path_,
         entry.unsupported_dtype);
  return read(name, entry);
}

std::string TensorFile::stored_type(const std::string& name) const {
  const TensorEntry& entry = entries_.at(name);
  return entry.unsupported_dtype.empty() ? dtype_name(entry.dtype) : in_lower_case(entry.unsupported_dtype);
}

BlockMatrix TensorFile::blocks(const std::string& name) const {
  const TensorEntry& entry = entry_of(name);
  return entry.unsupported_dtype.empty() && entry.shape.rank() == 2 ? read_blocks(name, entry) : BlockMatrix();
}

BlockMatrix TensorFile::read_blocks(const std::string& /*name*/, const TensorEntry& /*entry*/) const { return {}; }

}  // namespace swan::io

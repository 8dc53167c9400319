#include "io/checkpoint/joined_file.h"

#include <utility>

#include "core/error.h"

namespace swan::io {

JoinedFile::JoinedFile(std::string path, const std::vector<std::shared_ptr<const TensorFile>>& files,
                       const std::set<std::string>& skipped)
    : TensorFile(std::move(path)) {
  for (const auto& file : files)
    for (const auto& [name, entry] : file->entries()) {
      if (skipped.contains(name)) continue;
      if (!sources_.emplace(name, file).second)
        fail(ErrorCode::kCorruptFile, "cannot use {}: the tensor '{}' is in {} and in {}; take files of one revision.",
             path_, name, sources_.at(name)->path(), file->path());
      entries_.emplace(name, entry);
    }
}

Tensor JoinedFile::read(const std::string& name, const TensorEntry& /*entry*/) const {
  return sources_.at(name)->tensor(name);
}

}  // namespace swan::io

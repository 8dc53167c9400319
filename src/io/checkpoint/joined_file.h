#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "io/tensor_file.h"

namespace swan::io {

/// Several files, such as the shards of one network, as one.
class JoinedFile final : public TensorFile {
 public:
  /// @param path     names them together in messages
  /// @param skipped  tensors that are left out
  /// @throws Error kCorruptFile for a tensor that two of them hold
  JoinedFile(std::string path, const std::vector<std::shared_ptr<const TensorFile>>& files,
             const std::set<std::string>& skipped = {});

 private:
  [[nodiscard]] Tensor read(const std::string& name, const TensorEntry& entry) const override;

  std::map<std::string, std::shared_ptr<const TensorFile>> sources_;  // by tensor
};

}  // namespace swan::io

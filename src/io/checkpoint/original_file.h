#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/checkpoint/key_map.h"
#include "io/tensor_file.h"

namespace swan::io {

/// A file of diffusers' names under those of a format: RenamedFile the other way round. What the format keeps together
/// (a fused qkv) is put together when it is read; what diffusers does without is not there.
class OriginalFile final : public TensorFile {
 public:
  /// @throws Error kUnsupported naming a tensor that the format does not have, or parts of one that differ
  OriginalFile(std::shared_ptr<const TensorFile> file, const KeyMap& keys);

 private:
  [[nodiscard]] Tensor read(const std::string& name, const TensorEntry& entry) const override;

  std::shared_ptr<const TensorFile> file_;
  std::map<std::string, std::vector<std::string>> sources_;  // diffusers' names, by part
};

}  // namespace swan::io

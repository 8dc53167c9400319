#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/checkpoint/key_map.h"
#include "io/tensor_file.h"

namespace swan::io {

/// A file under diffusers' names and in diffusers' shapes. Tensors are those of the file, or views of them.
class RenamedFile final : public TensorFile {
 public:
  struct Options {
    const KeyMap* keys = nullptr;  ///< null: the names without the prefix are diffusers'
    std::string prefix = {};       ///< tensors without it are left out
    std::string skipped = {};      ///< a tensor that is left out too
  };
  /// @throws Error kCorruptFile for a shape that its rule does not fit, or two tensors that would be one
  RenamedFile(std::shared_ptr<const TensorFile> file, const Options& options);

  /// Names, without the prefix, that no rule knows.
  [[nodiscard]] const std::vector<std::string>& unknown() const noexcept { return unknown_; }

 private:
  struct Source {
    std::string name;
    int64_t part, parts;
  };
  void add(const std::string& name, const std::string& original, const TensorEntry& entry, const KeyMap::Place& place);
  [[nodiscard]] Tensor read(const std::string& name, const TensorEntry& entry) const override;
  [[nodiscard]] BlockMatrix read_blocks(const std::string& name, const TensorEntry& entry) const override;

  std::shared_ptr<const TensorFile> file_;
  std::map<std::string, Source> sources_;
  std::vector<std::string> unknown_;
};

}  // namespace swan::io

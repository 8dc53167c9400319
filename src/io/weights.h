#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/block_matrix.h"
#include "swan/tensor.h"

namespace swan::io {

class TensorFile;

/// The tensors of one component, claimed by name. A network takes what its configuration implies; finish() then reports
/// what was absent and what nobody took. Not thread-safe.
class Weights {
 public:
  /// Opens `<stem>.safetensors`, a variant of it or its shards (see find_weight_files); reads headers only.
  /// @param stem     "diffusion_pytorch_model" or "model"
  /// @param variant  "" or such as "fp16"
  /// @throws Error kNotFound, kIo, kCorruptFile, kUnsupported naming the file and the remedy
  [[nodiscard]] static std::shared_ptr<Weights> open(const std::string& directory, const std::string& stem,
                                                     const std::string& variant);
  /// Those of one file that is open.
  [[nodiscard]] static std::shared_ptr<Weights> of(const std::shared_ptr<const TensorFile>& file);

  [[nodiscard]] bool contains(const std::string& name) const;
  /// The names that are there, sorted.
  [[nodiscard]] std::vector<std::string> names() const;
  /// The shape of one that is there. @throws std::out_of_range otherwise
  [[nodiscard]] const Shape& shape(const std::string& name) const;
  /// A view of the mapped file in its own dtype, which stays valid after this object is gone. An absent tensor is
  /// remembered for finish() and comes back undefined.
  /// @throws Error kShapeMismatch naming both shapes; kUnsupported naming a dtype that Swan lacks
  [[nodiscard]] Tensor take(const std::string& name, const Shape& expected);
  /// The same for a matrix that a file stores in blocks; undefined, and not taken, for any other tensor.
  [[nodiscard]] BlockMatrix take_blocks(const std::string& name, const Shape& expected);
  /// Tensors whose names begin with `prefix` are of no use to the caller, such as a decoder's "encoder.".
  void ignore(const std::string& prefix);
  /// @throws Error kMissingTensor listing tensors that were taken but absent, and those that were never taken
  void finish() const;

  /// Paths of the files.
  [[nodiscard]] const std::vector<std::string>& files() const noexcept { return files_; }
  /// Bytes of all tensors together.
  [[nodiscard]] size_t bytes() const noexcept { return bytes_; }
  /// The dtype that most of the bytes are of; f32 where no tensor has a dtype that Swan knows.
  [[nodiscard]] DType dtype() const;
  /// The files for a message: "x/model.safetensors", or "x/model.safetensors.index.json (3 shards)".
  [[nodiscard]] const std::string& description() const noexcept { return description_; }

 private:
  Weights() = default;
  void add(const std::shared_ptr<const TensorFile>& file, const std::map<std::string, std::string>& weight_map);

  std::string description_;
  std::vector<std::string> files_;
  size_t bytes_ = 0;
  std::map<DType, size_t> bytes_by_dtype_;
  std::map<std::string, std::shared_ptr<const TensorFile>> tensors_;  // by name
  std::set<std::string> taken_;
  std::vector<std::pair<std::string, Shape>> absent_;
};

}  // namespace swan::io

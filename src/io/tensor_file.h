#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>

#include "core/block_matrix.h"
#include "swan/tensor.h"

namespace swan::io {

/// What a file says about one of its tensors.
struct TensorEntry {
  DType dtype = DType::kF32;  ///< what tensor() gives
  Shape shape;
  size_t begin = 0, end = 0;  ///< bytes in the file's section of data, as stored
  /// The file's name of an element type that its format knows and Swan does not ("F64"); dtype means nothing then, and
  /// reading the tensor is an error. Usually empty.
  std::string unsupported_dtype = {};
};

/// A file that holds tensors by name, of whatever format; immutable once it is open. Opening reads and checks what
/// describes the tensors, not the tensors. Thread-safe.
class TensorFile {
 public:
  virtual ~TensorFile();
  TensorFile(const TensorFile&) = delete;
  TensorFile& operator=(const TensorFile&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const std::map<std::string, TensorEntry>& entries() const noexcept { return entries_; }
  /// What else the file says, such as the "__metadata__" of a safetensors header.
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }

  /// The tensor, of its entry's dtype and shape. A view of the mapped file, which stays for as long as the view does,
  /// where the file stores it so; else a copy.
  /// @throws Error kMissingTensor naming some that are there; kUnsupported for an element type that Swan lacks;
  ///         kCorruptFile when the file has been shortened since it was opened, or is damaged there
  [[nodiscard]] Tensor tensor(const std::string& name) const;
  /// A matrix that the file stores in blocks, as it lies there; undefined for any other tensor, and where it is not
  /// mapped so. @throws Error as tensor(), but kUnsupported
  [[nodiscard]] BlockMatrix blocks(const std::string& name) const;

  /// What kind of file it is: "safetensors", "torch", "GGUF"; "" of none.
  [[nodiscard]] virtual const char* container() const noexcept { return ""; }
  /// What the file calls the type that it stores a tensor in, in lower case: "bf16", "q4_k".
  /// @throws std::out_of_range for a tensor that is not there
  [[nodiscard]] virtual std::string stored_type(const std::string& name) const;

 protected:
  explicit TensorFile(std::string path) : path_(std::move(path)) {}

  std::string path_;
  std::map<std::string, TensorEntry> entries_;
  std::map<std::string, std::string> metadata_;

 private:
  // Of an entry whose dtype Swan has.
  [[nodiscard]] virtual Tensor read(const std::string& name, const TensorEntry& entry) const = 0;
  // Of an entry of rank 2.
  [[nodiscard]] virtual BlockMatrix read_blocks(const std::string& name, const TensorEntry& entry) const;

  [[nodiscard]] const TensorEntry& entry_of(const std::string& name) const;
};

}  // namespace swan::io

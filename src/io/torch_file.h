#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/mapped_file.h"
#include "io/tensor_file.h"

namespace swan::io {

struct TorchTensor;

/// A file that torch.save wrote (.pth, .pt, .ckpt, .bin), mapped into memory. Its pickle is read as data and nothing in
/// it is run (io/pickle.h). A contiguous tensor is a view of the mapping, one of other strides a copy in row-major
/// order. Entries are of the state dict that read_torch_pickle finds; metadata() says where that was, as "state_dict".
class TorchFile final : public TensorFile {
 public:
  /// Whether a file with this beginning is one: a zip archive, or the legacy format's magic number.
  [[nodiscard]] static bool is_one(std::string_view start) noexcept;
  /// @throws Error kNotFound, kIo; kCorruptFile or kUnsupported naming the file, what is wrong with it and the remedy,
  ///         also as read_zip_directory and read_torch_pickle do
  [[nodiscard]] static std::shared_ptr<const TorchFile> open(const std::string& path);

  [[nodiscard]] const char* container() const noexcept override { return "torch"; }

 private:
  explicit TorchFile(const std::string& path) : TensorFile(path) {}
  void add(const std::string& name, TorchTensor tensor, size_t storage_offset);
  [[nodiscard]] Tensor read(const std::string& name, const TensorEntry& entry) const override;

  std::shared_ptr<const MappedFile> mapping_;
  std::map<std::string, std::vector<int64_t>> strides_;  // in elements, of tensors that are not contiguous
};

}  // namespace swan::io

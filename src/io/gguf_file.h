#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "io/mapped_file.h"
#include "io/tensor_file.h"

namespace swan::io {

struct GgufType;

/// A GGUF file (llama.cpp's format, in which quantised transformers are passed on), mapped into memory. Tensors of
/// plain types are views of the mapping. Quantised ones are copies, made when they are read: the values that their
/// blocks stand for, computed in f32 and rounded once, to bf16. Of Q8_0 that makes the error 5 % larger (0.0056 of the
/// weights' norm instead of 0.0054), of 4 bits 0.02 %; f16 would not, but overflows beyond 65504, and a network whose
/// weights are f16 computes in f16 on a GPU, which Wan's and Sana's were not made for.
class GgufFile final : public TensorFile {
 public:
  [[nodiscard]] static bool is_one(std::string_view start) noexcept;
  /// @throws Error kNotFound, kIo; as parse_gguf_header
  [[nodiscard]] static std::shared_ptr<const GgufFile> open(const std::string& path);

  [[nodiscard]] const char* container() const noexcept override { return "GGUF"; }
  [[nodiscard]] std::string stored_type(const std::string& name) const override;

 private:
  explicit GgufFile(const std::string& path) : TensorFile(path) {}
  [[nodiscard]] Tensor read(const std::string& name, const TensorEntry& entry) const override;
  [[nodiscard]] BlockMatrix read_blocks(const std::string& name, const TensorEntry& entry) const override;

  std::shared_ptr<const MappedFile> mapping_;
  std::map<std::string, const GgufType*> types_;
  size_t data_offset_ = 0;
};

}  // namespace swan::io

#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "io/gguf_quants.h"
#include "io/tensor_file.h"

namespace swan::io {

struct GgufTensor {
  const GgufType* type = nullptr;
  /// `begin` and `end` are bytes in the section of data, as stored; the shape is in torch's order.
  TensorEntry entry;
};

struct GgufHeader {
  std::map<std::string, GgufTensor> tensors;
  std::map<std::string, std::string> metadata;  ///< texts, numbers and "true" or "false"; lists are left out
  size_t data_offset = 0;                       ///< of the section of data in the file
};

/// The largest header that is read: a vocabulary in it takes some MB.
constexpr size_t kLargestGgufHeader = 100'000'000;

/// Parses and checks the header of a GGUF file of version 2 or 3: every tensor's bytes lie within the file, and none
/// within another's. Where "comfy.gguf.orig_shape.NAME" gives a shape, as ComfyUI-GGUF notes it of tensors that it has
/// reshaped, it is that one.
/// @param path        for messages
/// @param bytes       of the file, from its beginning; perhaps not all
/// @param file_bytes  how many the file has
/// @throws Error kCorruptFile naming the file and what is wrong; kUnsupported for another version, big-endian files and
///         types of tensors that no version of the format has
/// Ref: ggml's docs/gguf.md; city96/ComfyUI-GGUF, loader.py
[[nodiscard]] GgufHeader parse_gguf_header(const std::string& path, std::string_view bytes, size_t file_bytes);

}  // namespace swan::io

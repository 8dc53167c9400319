#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "io/safetensors.h"

namespace swan::io {

/// The largest header that is read, as in the format's reference implementation.
constexpr size_t kMaxHeaderBytes = 100'000'000;

struct SafetensorsHeader {
  std::map<std::string, TensorEntry> entries;
  std::map<std::string, std::string> metadata;
};

/// Parses and checks the JSON header: every tensor's bytes match its shape and type, and together they cover the data
/// section without holes or overlaps.
/// @param path        for messages
/// @param json        the header without its length
/// @param data_bytes  size of the section behind it
/// @throws Error kCorruptFile naming the file, the tensor and what is wrong; kUnsupported for more dimensions than
/// Swan's
[[nodiscard]] SafetensorsHeader parse_safetensors_header(const std::string& path, std::string_view json,
                                                         size_t data_bytes);

/// The header for tensors laid out in this order, padded with spaces so that the data section is 8-byte aligned, with
/// its length in front: the first bytes of a file.
/// @throws Error kInvalidArgument when a name is not UTF-8 or is reserved
[[nodiscard]] std::string make_safetensors_header(const std::map<std::string, TensorEntry>& entries,
                                                  const std::map<std::string, std::string>& metadata);

/// "F32" for kF32: the format's names.
[[nodiscard]] const char* safetensors_dtype(DType dtype) noexcept;

}  // namespace swan::io

#pragma once

#include <memory>
#include <string>

#include "io/tensor_file.h"

namespace swan::io {

/// Opens a file of tensors of whatever format Swan reads. The format is told from the file's first bytes; its name says
/// nothing.
/// @throws Error kNotFound or kIo when it cannot be opened; kCorruptFile for a file of another kind, saying what it
///         begins with and what is accepted; what the format's reader throws
[[nodiscard]] std::shared_ptr<const TensorFile> open_tensor_file(const std::string& path);

}  // namespace swan::io

#pragma once

#include <string>
#include <vector>

#include "swan/tensor.h"

namespace swan::cli {

/// The tensor of --latents.
/// @throws Error as load_tensor; kCorruptFile for values that are no numbers: they would come out as a failure of the
///         network, and blame its weights
[[nodiscard]] Tensor read_latents(const std::string& path);

/// The rows of all parts, which have the same dimensions but for the first, in one tensor.
/// @param parts  at least one  @throws Error kInternal when their shapes differ
[[nodiscard]] Tensor concatenate(const std::vector<Tensor>& parts);

}  // namespace swan::cli

#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "io/tensor_file.h"

namespace swan::io {

/// The config.json of a network whose weights came without one. What shapes tell (widths, numbers of blocks, ...) is
/// taken from them; the rest from `base`, and what that lacks from the published model of the class.
/// @param weights   under diffusers' names
/// @param original  the file as it is, prefix included: what diffusers does without may tell something too
/// @param base      a configuration of the same class; null or an object
/// @throws Error kCorruptFile for tensors that are absent or of impossible shapes; kUnsupported where heads cannot be
///         told, naming the remedy
[[nodiscard]] nlohmann::json infer_config(std::string_view class_name, const TensorFile& weights,
                                          const TensorFile& original, const nlohmann::json& base);

}  // namespace swan::io

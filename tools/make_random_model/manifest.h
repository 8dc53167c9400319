#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "swan/tensor.h"

namespace swan::tools {

struct ManifestTensor {
  std::string name;
  Shape shape;
  DType dtype = DType::kF32;
};

/// What a model's weights look like, without the weights: {"name", "class", "config", "tensors": [[name, shape,
/// dtype]...], "tied_and_not_stored": [name...]}.
struct Manifest {
  std::string name;
  std::string class_name;  ///< "SanaTransformer2DModel"
  nlohmann::json config;
  std::vector<ManifestTensor> tensors;  ///< in the file's order, without those that are tied to another
};

/// @param path  JSON, plain or compressed with gzip
/// @throws Error kNotFound, kIo, or kCorruptFile naming the file and what is wrong with it
[[nodiscard]] Manifest read_manifest(const std::string& path);

}  // namespace swan::tools

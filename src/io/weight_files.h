#pragma once

#include <map>
#include <string>
#include <vector>

namespace swan::io {

/// The files that hold one component's weights.
struct WeightFiles {
  std::string index;                              ///< path of the shards' index; empty for a single file
  std::vector<std::string> files;                 ///< paths; those that an index names need not exist
  std::map<std::string, std::string> weight_map;  ///< tensor name to path of its shard, from the index
};

/// Finds the weights of a component by diffusers' naming: `<stem>.safetensors`, or shards listed by
/// `<stem>.safetensors.index.json`; with a variant `<stem>.<variant>.safetensors`,
/// `<stem>.safetensors.index.<variant>.json` or `<stem>.<variant>.safetensors.index.json`.
/// @param stem     "diffusion_pytorch_model" or "model"
/// @param variant  "" or such as "fp16"
/// @throws Error kNotFound saying which variants are there; kUnsupported when there are only pickled weights;
///         kCorruptFile for a damaged index, or one that names a file outside the folder
[[nodiscard]] WeightFiles find_weight_files(const std::string& directory, const std::string& stem,
                                            const std::string& variant);

/// The names that a component's weights may have, in the order in which they are looked for: the single file, then
/// indexes of shards. @throws Error kInvalidArgument when the variant cannot be part of a name
[[nodiscard]] std::vector<std::string> weight_file_names(const std::string& stem, const std::string& variant);

/// Reads an index of shards, which lie beside it or not. @throws Error as find_weight_files
[[nodiscard]] WeightFiles read_weight_index(const std::string& path);

/// True when the folder holds such weights, whether or not they are whole. False when there is no such folder.
[[nodiscard]] bool has_weight_files(const std::string& directory, const std::string& stem, const std::string& variant);

}  // namespace swan::io

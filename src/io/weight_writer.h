#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/tensor_file.h"

namespace swan::io {

struct WeightWriteOptions {
  std::optional<DType> dtype = {};  ///< of every floating-point tensor; not set: as it is
  /// Beyond it weights are cut into shards with an index; a tensor that is larger has one of its own. 0: never.
  size_t max_shard_bytes = 0;
  std::map<std::string, std::string> metadata = {};
  std::function<void(size_t done, size_t total)> progress = {};  ///< tensors
  const std::atomic<bool>* cancel = nullptr;
};

/// Writes all tensors of a file as safetensors, one after the other: never more than one is in memory. Files appear
/// under their names when they are whole.
/// @param path  "DIR/<stem>.safetensors"; shards are "<stem>-00001-of-00002.safetensors" with an index beside them
/// @return      the paths of the files, the index included
/// @throws Error kIo, before anything is written when the disk has not enough space; kUnsupported for a tensor of a
///         dtype that Swan lacks; kCancelled; what reading a tensor throws
std::vector<std::string> write_weights(const TensorFile& file, const std::string& path,
                                       const WeightWriteOptions& options);

/// Bytes of the data that write_weights will write.
[[nodiscard]] size_t written_bytes(const TensorFile& file, std::optional<DType> dtype);

}  // namespace swan::io

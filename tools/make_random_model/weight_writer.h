#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "io/safetensors_shards.h"
#include "make_random_model/manifest.h"

namespace swan::tools {

struct WriteOptions {
  uint64_t seed = 0;
  std::optional<DType> dtype = {};                  ///< of every floating-point tensor; not set: the manifest's
  size_t max_shard_bytes = size_t{10'000'000'000};  ///< beyond it weights are cut into shards with an index
  std::function<void(size_t bytes)> written = {};   ///< called with the bytes written since its last call
};

/// Writes a model's weights with random values, a few MB at a time. Files appear under their names when they are whole.
/// @param path  "DIR/<stem>.safetensors"; shards are "<stem>-00001-of-00002.safetensors" with an index beside them
/// @return      the paths of the files, the index included
/// @throws Error kIo, before anything is written when the disk has not enough space
std::vector<std::string> write_random_weights(const Manifest& manifest, const std::string& path,
                                              const WriteOptions& options);

/// Bytes of the data that write_random_weights will write.
[[nodiscard]] size_t weight_bytes(const Manifest& manifest, const WriteOptions& options);

/// Cuts the manifest where the next tensor would not fit any more; a tensor larger than a shard has one of its own.
[[nodiscard]] std::vector<io::ShardRange> plan_shards(const Manifest& manifest, const WriteOptions& options);

}  // namespace swan::tools

#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/system.h"
#include "swan/tensor.h"

namespace swan::io {

/// A tensor as a file will hold it; its values come when it is written.
struct StoredTensor {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  [[nodiscard]] size_t bytes() const { return static_cast<size_t>(shape.numel()) * size_of(dtype); }
};
/// Writes a tensor's bytes, all of them.
using WriteTensor = std::function<void(const StoredTensor& tensor, AtomicFile& file)>;

/// Bytes of the data of all.
[[nodiscard]] size_t stored_bytes(std::span<const StoredTensor> tensors);

/// Writes one safetensors file: the widest elements first, as the reference does, so that every tensor is aligned to
/// its elements; otherwise in this order.
/// @throws Error kInvalidArgument for a name that is not UTF-8; kIo; what `write` throws. Nothing is left then
void write_safetensors(const std::string& path, std::span<const StoredTensor> tensors,
                       const std::map<std::string, std::string>& metadata, const WriteTensor& write);

/// Tensors [begin, end) that belong into one file.
struct ShardRange {
  size_t begin, end;
};
/// Cuts where the next tensor would not fit any more; a tensor larger than a shard has one of its own.
/// @param max_bytes  not set: one file
[[nodiscard]] std::vector<ShardRange> plan_shards(std::span<const StoredTensor> tensors,
                                                  std::optional<size_t> max_bytes);

/// Writes weights as one file or as shards with an index beside them.
/// @param path  "DIR/<stem>.safetensors"; shards are "<stem>-00001-of-00002.safetensors"
/// @return      the paths of the files, the index included
/// @throws Error as write_safetensors; kIo, before anything is written when the disk has not enough space
std::vector<std::string> write_shards(const std::string& path, std::span<const StoredTensor> tensors,
                                      std::optional<size_t> max_bytes,
                                      const std::map<std::string, std::string>& metadata, const WriteTensor& write);

}  // namespace swan::io

#include "make_random_model/weight_writer.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <span>
#include <string_view>
#include <system_error>

#include "core/convert.h"
#include "core/error.h"
#include "core/parallel.h"
#include "make_random_model/random_weights.h"

namespace swan::tools {

namespace {

namespace fs = std::filesystem;

std::vector<io::StoredTensor> stored_tensors(const Manifest& manifest, const WriteOptions& options) {
  std::vector<io::StoredTensor> tensors;
  for (const ManifestTensor& tensor : manifest.tensors)
    tensors.push_back({.name = tensor.name,
                       .dtype = options.dtype && is_floating(tensor.dtype) ? *options.dtype : tensor.dtype,
                       .shape = tensor.shape});
  return tensors;
}

// Fills blocks on all threads, then writes them in order; blocks are small enough to stay in the caches.
class BlockWriter {
 public:
  explicit BlockWriter(const WriteOptions& options) : options_(options), blocks_(kBlocks) {
    for (Block& block : blocks_) {
      block.values.resize(kElements);
      block.bytes.resize(kElements * sizeof(int64_t));
    }
  }

  // @param dtype  as stored
  void write(const ManifestTensor& tensor, DType dtype, const std::string& class_name, io::AtomicFile& file) {
    const RandomStream stream(options_.seed, tensor.name);
    const Distribution distribution = distribution_of(tensor, class_name);
    const int64_t numel = tensor.shape.numel();
    for (int64_t start = 0; start < numel; start += kElements * kBlocks) {
      const int64_t blocks = std::min<int64_t>(kBlocks, (numel - start + kElements - 1) / kElements);
      const auto length = [&](int64_t i) { return std::min(kElements, numel - start - i * kElements); };
      parallel_for(blocks, [&](int64_t i) {
        Block& block = blocks_[static_cast<size_t>(i)];
        const std::span<float> values(block.values.data(), static_cast<size_t>(length(i)));
        stream.fill(start + i * kElements, values, distribution);
        convert(values.data(), DType::kF32, block.bytes.data(), dtype, length(i));
      });
      size_t bytes = 0;
      for (int64_t i = 0; i < blocks; ++i) {
        const size_t size = static_cast<size_t>(length(i)) * size_of(dtype);
        file.write(blocks_[static_cast<size_t>(i)].bytes.data(), size);
        bytes += size;
      }
      if (options_.written) options_.written(bytes);
    }
  }

 private:
  static constexpr int64_t kElements = 1 << 15;
  static constexpr int64_t kBlocks = 32;
  struct Block {
    std::vector<float> values;
    std::vector<char> bytes;
  };

  const WriteOptions& options_;
  std::vector<Block> blocks_;
};

}  // namespace

size_t weight_bytes(const Manifest& manifest, const WriteOptions& options) {
  return io::stored_bytes(stored_tensors(manifest, options));
}

std::vector<io::ShardRange> plan_shards(const Manifest& manifest, const WriteOptions& options) {
  return io::plan_shards(stored_tensors(manifest, options), options.max_shard_bytes);
}

std::vector<std::string> write_random_weights(const Manifest& manifest, const std::string& path,
                                              const WriteOptions& options) {
  constexpr std::string_view kEnding = ".safetensors";
  if (!path.ends_with(kEnding))
    fail(ErrorCode::kInvalidArgument, "cannot write weights to {}: the name must end in {}.", path, kEnding);
  const fs::path folder = fs::absolute(path).parent_path();
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail(ErrorCode::kIo, "cannot make the folder {}: {}.", folder.string(), error.message());
  std::map<std::string_view, const ManifestTensor*> by_name;
  for (const ManifestTensor& tensor : manifest.tensors) by_name[tensor.name] = &tensor;
  BlockWriter writer(options);
  return io::write_shards(path, stored_tensors(manifest, options), options.max_shard_bytes, {{"format", "pt"}},
                          [&](const io::StoredTensor& s, io::AtomicFile& file) {
                            writer.write(*by_name.at(s.name), s.dtype, manifest.class_name, file);
                          });
}

}  // namespace swan::tools

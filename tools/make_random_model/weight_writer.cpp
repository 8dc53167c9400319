#include "make_random_model/weight_writer.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/convert.h"
#include "core/error.h"
#include "core/parallel.h"
#include "io/safetensors_header.h"
#include "io/system.h"
#include "make_random_model/random_weights.h"
#include "swan/progress.h"

namespace swan::tools {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnding = ".safetensors";

DType stored_dtype(const ManifestTensor& tensor, const WriteOptions& options) {
  return options.dtype && is_floating(tensor.dtype) ? *options.dtype : tensor.dtype;
}

size_t bytes_of(const ManifestTensor& tensor, const WriteOptions& options) {
  return static_cast<size_t>(tensor.shape.numel()) * size_of(stored_dtype(tensor, options));
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

  void write(const ManifestTensor& tensor, const std::string& class_name, io::AtomicFile& file) {
    const RandomStream stream(options_.seed, tensor.name);
    const Distribution distribution = distribution_of(tensor, class_name);
    const DType dtype = stored_dtype(tensor, options_);
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

void write_file(const Manifest& manifest, ShardRange range, const std::string& path, const WriteOptions& options,
                BlockWriter& writer) {
  // The widest elements first, so that every tensor is aligned; otherwise the manifest's order.
  std::vector<const ManifestTensor*> order;
  for (size_t i = range.begin; i < range.end; ++i) order.push_back(&manifest.tensors[i]);
  std::stable_sort(order.begin(), order.end(), [&](const auto* a, const auto* b) {
    return size_of(stored_dtype(*a, options)) > size_of(stored_dtype(*b, options));
  });
  std::map<std::string, io::TensorEntry> entries;
  size_t position = 0;
  for (const ManifestTensor* tensor : order) {
    const size_t begin = std::exchange(position, position + bytes_of(*tensor, options));
    entries[tensor->name] = {
        .dtype = stored_dtype(*tensor, options), .shape = tensor->shape, .begin = begin, .end = position};
  }
  io::AtomicFile file(path);
  file.write(io::make_safetensors_header(entries, {{"format", "pt"}}));
  for (const ManifestTensor* tensor : order) writer.write(*tensor, manifest.class_name, file);
  file.commit();
}

void check_space(const fs::path& folder, size_t bytes) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (!error && space.available < bytes)
    fail(ErrorCode::kIo, "cannot write {} to {}: only {} are free; choose another folder or make room.",
         format_bytes(static_cast<double>(bytes)), folder.string(), format_bytes(static_cast<double>(space.available)));
}

}  // namespace

size_t weight_bytes(const Manifest& manifest, const WriteOptions& options) {
  size_t bytes = 0;
  for (const ManifestTensor& tensor : manifest.tensors) bytes += bytes_of(tensor, options);
  return bytes;
}

std::vector<ShardRange> plan_shards(const Manifest& manifest, const WriteOptions& options) {
  std::vector<ShardRange> shards = {{0, 0}};
  size_t used = 0;
  for (size_t i = 0; i < manifest.tensors.size(); ++i) {
    const size_t bytes = bytes_of(manifest.tensors[i], options);
    if (shards.back().begin < i && used + bytes > options.max_shard_bytes) {
      shards.push_back({i, i});
      used = 0;
    }
    shards.back().end = i + 1;
    used += bytes;
  }
  return shards;
}

std::vector<std::string> write_random_weights(const Manifest& manifest, const std::string& path,
                                              const WriteOptions& options) {
  if (!path.ends_with(kEnding))
    fail(ErrorCode::kInvalidArgument, "cannot write weights to {}: the name must end in {}.", path, kEnding);
  const fs::path folder = fs::absolute(path).parent_path();
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail(ErrorCode::kIo, "cannot make the folder {}: {}.", folder.string(), error.message());
  check_space(folder, weight_bytes(manifest, options));

  BlockWriter writer(options);
  const std::vector<ShardRange> shards = plan_shards(manifest, options);
  if (shards.size() == 1) {
    write_file(manifest, shards[0], path, options, writer);
    return {path};
  }
  const std::string stem = path.substr(0, path.size() - kEnding.size());
  nlohmann::ordered_json index = {{"metadata", {{"total_size", weight_bytes(manifest, options)}}},
                                  {"weight_map", nlohmann::ordered_json::object()}};
  std::vector<std::string> files;
  for (size_t i = 0; i < shards.size(); ++i) {
    files.push_back(fmt::format("{}-{:05}-of-{:05}{}", stem, i + 1, shards.size(), kEnding));
    write_file(manifest, shards[i], files.back(), options, writer);
    for (size_t t = shards[i].begin; t < shards[i].end; ++t)
      index["weight_map"][manifest.tensors[t].name] = fs::path(files.back()).filename().string();
  }
  files.push_back(path + ".index.json");
  io::AtomicFile file(files.back());
  file.write(index.dump(2) + "\n");
  file.commit();
  return files;
}

}  // namespace swan::tools

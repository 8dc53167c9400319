#include "io/safetensors_shards.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "io/safetensors_header.h"
#include "swan/progress.h"

namespace swan::io {

namespace {

namespace fs = std::filesystem;

void check_space(const fs::path& folder, size_t bytes) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (!error && space.available < bytes)
    fail(ErrorCode::kIo, "cannot write {} to {}: only {} are free; choose another folder or make room.",
         format_bytes(static_cast<double>(bytes)), folder.string(), format_bytes(static_cast<double>(space.available)));
}

}  // namespace

size_t stored_bytes(std::span<const StoredTensor> tensors) {
  size_t bytes = 0;
  for (const StoredTensor& tensor : tensors) bytes += tensor.bytes();
  return bytes;
}

void write_safetensors(const std::string& path, std::span<const StoredTensor> tensors,
                       const std::map<std::string, std::string>& metadata, const WriteTensor& write) {
  std::vector<const StoredTensor*> order;
  for (const StoredTensor& tensor : tensors) order.push_back(&tensor);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto* a, const auto* b) { return size_of(a->dtype) > size_of(b->dtype); });
  std::map<std::string, TensorEntry> entries;
  size_t position = 0;
  for (const StoredTensor* tensor : order) {
    const size_t begin = std::exchange(position, position + tensor->bytes());
    entries[tensor->name] = {.dtype = tensor->dtype, .shape = tensor->shape, .begin = begin, .end = position};
  }
  const std::string header = make_safetensors_header(entries, metadata);
  AtomicFile file(path);
  file.write(header);
  for (const StoredTensor* tensor : order) write(*tensor, file);
  file.commit();
}

std::vector<ShardRange> plan_shards(std::span<const StoredTensor> tensors, std::optional<size_t> max_bytes) {
  if (!max_bytes) return {{0, tensors.size()}};
  std::vector<ShardRange> shards = {{0, 0}};
  size_t used = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const size_t bytes = tensors[i].bytes();
    if (shards.back().begin < i && used + bytes > *max_bytes) {
      shards.push_back({i, i});
      used = 0;
    }
    shards.back().end = i + 1;
    used += bytes;
  }
  return shards;
}

std::vector<std::string> write_shards(const std::string& path, std::span<const StoredTensor> tensors,
                                      std::optional<size_t> max_bytes,
                                      const std::map<std::string, std::string>& metadata, const WriteTensor& write) {
  constexpr std::string_view kEnding = ".safetensors";
  SWAN_ASSERT(path.ends_with(kEnding));
  const size_t bytes = stored_bytes(tensors);
  check_space(fs::absolute(path).parent_path(), bytes);
  const std::vector<ShardRange> shards = plan_shards(tensors, max_bytes);
  if (shards.size() == 1) {
    write_safetensors(path, tensors, metadata, write);
    return {path};
  }
  const std::string stem = path.substr(0, path.size() - kEnding.size());
  nlohmann::ordered_json index = {{"metadata", {{"total_size", bytes}}},
                                  {"weight_map", nlohmann::ordered_json::object()}};
  std::vector<std::string> files;
  for (size_t i = 0; i < shards.size(); ++i) {
    files.push_back(fmt::format("{}-{:05}-of-{:05}{}", stem, i + 1, shards.size(), kEnding));
    const auto shard = tensors.subspan(shards[i].begin, shards[i].end - shards[i].begin);
    write_safetensors(files.back(), shard, metadata, write);
    for (const StoredTensor& tensor : shard)
      index["weight_map"][tensor.name] = fs::path(files.back()).filename().string();
  }
  files.push_back(path + ".index.json");
  AtomicFile file(files.back());
  file.write(index.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  file.commit();
  return files;
}

}  // namespace swan::io

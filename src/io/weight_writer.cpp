#include "io/weight_writer.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "io/safetensors_header.h"
#include "io/system.h"
#include "swan/progress.h"

namespace swan::io {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnding = ".safetensors";

DType stored_dtype(const TensorEntry& entry, std::optional<DType> dtype) {
  return dtype && is_floating(entry.dtype) ? *dtype : entry.dtype;
}
size_t bytes_of(const TensorEntry& entry, std::optional<DType> dtype) {
  return static_cast<size_t>(entry.shape.numel()) * size_of(stored_dtype(entry, dtype));
}

using Names = std::vector<std::string>;

// What goes into one file each, by name.
std::vector<Names> plan_shards(const TensorFile& file, const WeightWriteOptions& options) {
  std::vector<Names> shards(1);
  size_t used = 0;
  for (const auto& [name, entry] : file.entries()) {
    if (!entry.unsupported_dtype.empty())
      fail(ErrorCode::kUnsupported, "cannot convert {}: tensor '{}' is of the dtype {}, which Swan does not have.",
           file.path(), name, entry.unsupported_dtype);
    const size_t bytes = bytes_of(entry, options.dtype);
    if (options.max_shard_bytes > 0 && !shards.back().empty() && used + bytes > options.max_shard_bytes) {
      shards.emplace_back();
      used = 0;
    }
    shards.back().push_back(name);
    used += bytes;
  }
  return shards;
}

class Writer {
 public:
  Writer(const TensorFile& file, const WeightWriteOptions& options) : file_(file), options_(options) {}

  void write(Names names, const std::string& path) {
    // The widest elements first, so that every tensor is aligned to its own.
    std::stable_sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
      return size_of(dtype_of(a)) > size_of(dtype_of(b));
    });
    std::map<std::string, TensorEntry> entries;
    size_t position = 0;
    for (const std::string& name : names) {
      const size_t begin = std::exchange(position, position + bytes_of(file_.entries().at(name), options_.dtype));
      entries[name] = {
          .dtype = dtype_of(name), .shape = file_.entries().at(name).shape, .begin = begin, .end = position};
    }
    AtomicFile out(path);
    out.write(make_safetensors_header(entries, options_.metadata));
    for (const std::string& name : names) {
      if (options_.cancel != nullptr && *options_.cancel)
        fail(ErrorCode::kCancelled, "cancelled while writing {}.", path);
      const Tensor stored = file_.tensor(name);
      const Tensor tensor = stored.to(dtype_of(name));
      out.write(tensor.raw(), tensor.nbytes());
      stored.drop_pages();
      if (options_.progress) options_.progress(++done_, file_.entries().size());
    }
    out.commit();
  }

 private:
  [[nodiscard]] DType dtype_of(const std::string& name) const {
    return stored_dtype(file_.entries().at(name), options_.dtype);
  }

  const TensorFile& file_;
  const WeightWriteOptions& options_;
  size_t done_ = 0;
};

void check_space(const fs::path& folder, size_t bytes) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (!error && space.available < bytes)
    fail(ErrorCode::kIo, "cannot write {} to {}: only {} are free; choose another folder or make room.",
         format_bytes(static_cast<double>(bytes)), folder.string(), format_bytes(static_cast<double>(space.available)));
}

}  // namespace

size_t written_bytes(const TensorFile& file, std::optional<DType> dtype) {
  size_t bytes = 0;
  for (const auto& [name, entry] : file.entries()) bytes += bytes_of(entry, dtype);
  return bytes;
}

std::vector<std::string> write_weights(const TensorFile& file, const std::string& path,
                                       const WeightWriteOptions& options) {
  const std::vector<Names> shards = plan_shards(file, options);
  check_space(fs::absolute(path).parent_path(), written_bytes(file, options.dtype));
  Writer writer(file, options);
  if (shards.size() == 1) {
    writer.write(shards[0], path);
    return {path};
  }
  const std::string stem = path.substr(0, path.size() - kEnding.size());
  nlohmann::ordered_json index = {{"metadata", {{"total_size", written_bytes(file, options.dtype)}}},
                                  {"weight_map", nlohmann::ordered_json::object()}};
  std::vector<std::string> files;
  for (size_t i = 0; i < shards.size(); ++i) {
    files.push_back(fmt::format("{}-{:05}-of-{:05}{}", stem, i + 1, shards.size(), kEnding));
    writer.write(shards[i], files.back());
    for (const std::string& name : shards[i]) index["weight_map"][name] = fs::path(files.back()).filename().string();
  }
  files.push_back(path + ".index.json");
  AtomicFile out(files.back());
  out.write(index.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  out.commit();
  return files;
}

}  // namespace swan::io

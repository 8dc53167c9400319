#include "io/weight_writer.h"

#include "core/error.h"
#include "io/safetensors_shards.h"

namespace swan::io {

namespace {

std::vector<StoredTensor> stored_tensors(const TensorFile& file, std::optional<DType> dtype) {
  std::vector<StoredTensor> tensors;
  for (const auto& [name, entry] : file.entries())
    tensors.push_back(
        {.name = name, .dtype = dtype && is_floating(entry.dtype) ? *dtype : entry.dtype, .shape = entry.shape});
  return tensors;
}

}  // namespace

size_t written_bytes(const TensorFile& file, std::optional<DType> dtype) {
  return stored_bytes(stored_tensors(file, dtype));
}

std::vector<std::string> write_weights(const TensorFile& file, const std::string& path,
                                       const WeightWriteOptions& options) {
  for (const auto& [name, entry] : file.entries())
    if (!entry.unsupported_dtype.empty())
      fail(ErrorCode::kUnsupported, "cannot convert {}: tensor '{}' is of the dtype {}, which Swan does not have.",
           file.path(), name, entry.unsupported_dtype);
  const std::optional<size_t> max_bytes =
      options.max_shard_bytes > 0 ? std::optional(options.max_shard_bytes) : std::nullopt;
  size_t done = 0;
  return write_shards(path, stored_tensors(file, options.dtype), max_bytes, options.metadata,
                      [&](const StoredTensor& s, AtomicFile& out) {
                        if (options.cancel != nullptr && *options.cancel)
                          fail(ErrorCode::kCancelled, "cancelled while writing {}.", path);
                        const Tensor stored = file.tensor(s.name);
                        const Tensor tensor = stored.to(s.dtype);
                        out.write(tensor.raw(), tensor.nbytes());
                        stored.drop_pages();
                        if (options.progress) options.progress(++done, file.entries().size());
                      });
}

}  // namespace swan::io

#include "make_random_model/manifest.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "io/config.h"
#include "io/json.h"
#include "io/system.h"

namespace swan::tools {

namespace {

constexpr size_t kMaxBytes = size_t{64} << 20;

std::string gunzip(const std::string& data, const std::string& path) {
  z_stream stream{};
  constexpr int kGzip = 16 + MAX_WBITS;
  if (inflateInit2(&stream, kGzip) != Z_OK) fail(ErrorCode::kOutOfMemory, "cannot start zlib.");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  std::string text;
  std::array<char, 1 << 16> buffer{};
  int status = Z_OK;
  while (status == Z_OK && text.size() <= kMaxBytes) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    status = inflate(&stream, Z_NO_FLUSH);
    text.append(buffer.data(), buffer.size() - stream.avail_out);
  }
  if (status != Z_STREAM_END || text.size() > kMaxBytes)
    fail(ErrorCode::kCorruptFile, "cannot read {}: it is damaged, or larger than {} bytes; get it again.", path,
         kMaxBytes);
  return text;
}

DType manifest_dtype(const std::string& name, const std::string& path) {
  constexpr std::array<std::pair<std::string_view, DType>, 9> kNames = {{{"float32", DType::kF32},
                                                                         {"float16", DType::kF16},
                                                                         {"bfloat16", DType::kBF16},
                                                                         {"int8", DType::kI8},
                                                                         {"uint8", DType::kU8},
                                                                         {"int32", DType::kI32},
                                                                         {"int64", DType::kI64},
                                                                         {"float8_e4m3fn", DType::kF8E4M3},
                                                                         {"float8_e5m2", DType::kF8E5M2}}};
  for (const auto& [torch_name, dtype] : kNames)
    if (name == torch_name) return dtype;
  fail(ErrorCode::kCorruptFile, "cannot read {}: the dtype '{}' is not known.", path, name);
}

ManifestTensor read_tensor(const nlohmann::json& item, const std::string& path) {
  const bool well_formed =
      item.is_array() && item.size() == 3 && item[0].is_string() && item[1].is_array() && item[2].is_string() &&
      std::all_of(item[1].begin(), item[1].end(), [](const auto& d) { return d.is_number_integer(); });
  if (!well_formed)
    fail(ErrorCode::kCorruptFile, "cannot read {}: {} is not a tensor's [name, shape, dtype].", path,
         item.dump().substr(0, 100));
  try {
    const auto dims = item[1].get<std::vector<int64_t>>();
    return {item[0].get<std::string>(), Shape(std::span<const int64_t>(dims)),
            manifest_dtype(item[2].get<std::string>(), path)};
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInvalidArgument) throw;
    fail(ErrorCode::kCorruptFile, "cannot read {}: tensor {}: {}", path, item[0].dump(), error.what());
  }
}

}  // namespace

Manifest read_manifest(const std::string& path) {
  std::string text = io::read_file(path, kMaxBytes);
  if (text.starts_with("\x1f\x8b")) text = gunzip(text, path);
  const io::Config file(io::parse_json(text, path), path);
  Manifest manifest;
  manifest.name = file.require<std::string>("name");
  manifest.class_name = file.require<std::string>("class");
  manifest.config = file.json().value("config", nlohmann::json::object());
  const auto tied = file.get<std::vector<std::string>>("tied_and_not_stored", {});
  std::set<std::string> seen(tied.begin(), tied.end());
  const auto tensors = file.json().find("tensors");
  if (tensors == file.json().end() || !tensors->is_array() || tensors->empty())
    file.wrong("tensors", "a list of tensors");
  int64_t parameters = 0;
  for (const nlohmann::json& item : *tensors) {
    ManifestTensor tensor = read_tensor(item, path);
    if (std::find(tied.begin(), tied.end(), tensor.name) != tied.end()) continue;
    if (!seen.insert(tensor.name).second)
      fail(ErrorCode::kCorruptFile, "cannot read {}: tensor '{}' is there twice.", path, tensor.name);
    parameters += tensor.shape.numel();
    manifest.tensors.push_back(std::move(tensor));
  }
  if (const auto stated = file.optional<int64_t>("parameters"); stated && *stated != parameters)
    fail(ErrorCode::kCorruptFile, "cannot read {}: its tensors have {} parameters, but it states {}.", path, parameters,
         *stated);
  return manifest;
}

}  // namespace swan::tools

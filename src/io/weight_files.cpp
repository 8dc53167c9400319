#include "io/weight_files.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string_view>
#include <system_error>

#include "core/error.h"
#include "io/json.h"
#include "io/system.h"

namespace swan::io {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kWeights = ".safetensors";

std::set<std::string> names_in(const std::string& directory) {
  std::error_code error;
  const fs::file_status status = fs::status(directory, error);
  if (!fs::exists(status))
    fail(ErrorCode::kNotFound, "cannot load weights from {}: {}; check that the repository is whole.", directory,
         status.type() == fs::file_type::not_found ? "there is no such folder" : error.message());
  if (!fs::is_directory(status))
    fail(ErrorCode::kNotFound, "cannot load weights from {}: it is not a folder; check that the repository is whole.",
         directory);
  std::set<std::string> names;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
    names.insert(it->path().filename().string());
  if (error) fail(ErrorCode::kIo, "cannot list the folder {}: {}.", directory, error.message());
  return names;
}

bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find_first_of(std::string_view("/\\\0", 3)) == name.npos;
}

std::string removed(std::string text, std::string_view part) {
  if (const size_t at = text.find(part); at != std::string::npos) text.erase(at, part.size());
  return text;
}

// The variants that a folder offers: "fp16" for model.fp16.safetensors, "(none)" for model.safetensors. Names of shards
// (model-00001-of-00002.safetensors) belong to an index, which is listed itself.
std::set<std::string> variants_in(const std::set<std::string>& names, const std::string& stem) {
  std::set<std::string> variants;
  for (const std::string& name : names) {
    if (!name.starts_with(stem + ".") || name.find(kWeights) == std::string::npos) continue;
    std::string middle = name.substr(stem.size());
    const bool is_index = middle.find(".index") != std::string::npos;
    if (!middle.ends_with(is_index ? ".json" : kWeights)) continue;
    for (const std::string_view part : {kWeights, std::string_view(".index"), std::string_view(".json")})
      middle = removed(std::move(middle), part);
    variants.insert(middle.empty() ? "(none)" : middle.substr(1));
  }
  return variants;
}

[[noreturn]] void nothing_found(const std::string& directory, const std::string& stem, const std::string& variant,
                                const std::set<std::string>& names) {
  const std::set<std::string> variants = variants_in(names, stem);
  if (!variants.empty())
    fail(ErrorCode::kNotFound, "{} has no weights {}; variants that are there: {}.", directory,
         variant.empty() ? "without a variant" : fmt::format("of variant '{}'", variant), fmt::join(variants, ", "));
  const auto pickled = std::find_if(names.begin(), names.end(), [](const std::string& name) {
    return name.ends_with(".bin") || name.ends_with(".pt") || name.ends_with(".pth") || name.ends_with(".ckpt");
  });
  if (pickled != names.end())
    fail(ErrorCode::kUnsupported,
         "cannot load weights from {}: it holds only {}, a pickled file, which can run code when it is loaded; convert "
         "it to {}{} (save_pretrained with safe_serialization=True).",
         directory, *pickled, stem, kWeights);
  fail(ErrorCode::kNotFound, "cannot load weights from {}: neither {}{} nor {}{}.index.json is there; download it.",
       directory, stem, kWeights, stem, kWeights);
}

}  // namespace

WeightFiles read_weight_index(const std::string& path) {
  const fs::path directory = fs::path(path).parent_path();
  const nlohmann::json index = read_json(path);
  const auto map = index.is_object() ? index.find("weight_map") : index.end();
  if (!index.is_object() || map == index.end() || !map->is_object() || map->empty())
    fail(ErrorCode::kCorruptFile, "cannot read {}: it has no \"weight_map\" of tensor names to files; get it again.",
         path);
  WeightFiles found;
  found.index = path;
  std::set<std::string> shards;
  for (const auto& [tensor, file] : map->items()) {
    const std::string name = file.is_string() ? file.get<std::string>() : "";
    if (!is_plain_name(name) || !name.ends_with(kWeights))
      fail(ErrorCode::kCorruptFile,
           "cannot read {}: tensor '{}' is said to be in {}, which is not the name of a safetensors file in the same "
           "folder; get it again.",
           path, tensor, file.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
    found.weight_map.emplace(tensor, (directory / name).string());
    shards.insert(name);
  }
  for (const std::string& name : shards) found.files.push_back((directory / name).string());
  return found;
}

std::vector<std::string> weight_file_names(const std::string& stem, const std::string& variant) {
  if (!variant.empty() && !is_plain_name(variant))
    fail(ErrorCode::kInvalidArgument, "'{}' is not a variant: it is part of a file's name, such as fp16.", variant);
  if (variant.empty()) return {stem + ".safetensors", stem + ".safetensors.index.json"};
  return {fmt::format("{}.{}.safetensors", stem, variant), fmt::format("{}.safetensors.index.{}.json", stem, variant),
          fmt::format("{}.{}.safetensors.index.json", stem, variant)};
}

WeightFiles find_weight_files(const std::string& directory, const std::string& stem, const std::string& variant) {
  const std::set<std::string> names = names_in(directory);
  for (const std::string& name : weight_file_names(stem, variant)) {
    if (!names.contains(name)) continue;
    const std::string path = (fs::path(directory) / name).string();
    if (name.ends_with(".json")) return read_weight_index(path);
    return {.index = "", .files = {path}, .weight_map = {}};
  }
  nothing_found(directory, stem, variant, names);
}

bool has_weight_files(const std::string& directory, const std::string& stem, const std::string& variant) {
  const std::vector<std::string> names = weight_file_names(stem, variant);
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    std::error_code error;
    return fs::exists(fs::symlink_status(fs::path(directory) / name, error));
  });
}

}  // namespace swan::io

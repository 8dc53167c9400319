#include "io/repository.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "io/config.h"
#include "io/system.h"
#include "io/weight_files.h"

namespace swan::io {

namespace {

namespace fs = std::filesystem;

constexpr const char* kIndex = "model_index.json";
constexpr const char* kGive =
    "give the folder of a model in diffusers' layout, which holds model_index.json beside folders such as transformer "
    "and vae, or download that file";

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}
bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

// Names of components become folders: they are words, and never lead elsewhere.
bool is_component_name(std::string_view name) {
  constexpr size_t kLongest = 100;
  return !name.empty() && name.size() <= kLongest && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

// The snapshot to use in a folder of the Hugging Face cache, or nothing for another kind of folder.
std::optional<fs::path> cached_snapshot(const fs::path& folder) {
  const fs::path snapshots = folder / "snapshots";
  if (!is_folder(snapshots)) return std::nullopt;
  if (const fs::path main = folder / "refs" / "main"; is_there(main)) {
    constexpr size_t kLongestName = 256;
    std::string revision = read_file(main.string(), kLongestName);
    while (!revision.empty() && (revision.back() == '\n' || revision.back() == '\r' || revision.back() == ' '))
      revision.pop_back();
    if (is_component_name(revision) && is_folder(snapshots / revision)) return snapshots / revision;
  }
  std::optional<fs::path> newest;
  fs::file_time_type newest_time{};
  std::error_code error;
  for (fs::directory_iterator it(snapshots, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    const fs::file_time_type time = fs::last_write_time(it->path(), ignored);
    if (!is_there(it->path() / kIndex) || (newest && time <= newest_time)) continue;
    newest = it->path();
    newest_time = time;
  }
  if (!newest)
    fail(ErrorCode::kNotFound,
         "cannot open the model {}: it is a Hugging Face cache folder without a complete snapshot; download the model "
         "again.",
         folder.string());
  return newest;
}

fs::path repository_folder(const std::string& path) {
  if (path.empty()) fail(ErrorCode::kInvalidArgument, "no model was given; {}.", kGive);
  fs::path folder(path);
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  if (status.type() == fs::file_type::not_found)
    fail(ErrorCode::kNotFound, "cannot open the model {}: there is no such folder; check the path.", path);
  if (status.type() == fs::file_type::none)
    fail(ErrorCode::kIo, "cannot open the model {}: {}; check the path and its permissions.", path, error.message());
  if (!fs::is_directory(status)) fail(ErrorCode::kNotFound, "cannot open the model {}: it is a file; {}.", path, kGive);
  if (is_there(folder / kIndex)) return folder;
  if (auto snapshot = cached_snapshot(folder); snapshot && is_there(*snapshot / kIndex)) return *std::move(snapshot);
  // A folder one level too deep is the likeliest mistake.
  const fs::path parent = fs::absolute(folder, error).lexically_normal().parent_path();
  if (is_there(folder / "config.json") && is_there(parent / kIndex))
    fail(ErrorCode::kNotFound, "cannot open the model {}: it is one component of a model; give {} instead.", path,
         parent.string());
  fail(ErrorCode::kNotFound, "no {} in {}: {}.", kIndex, path, kGive);
}

}  // namespace

bool Component::has_weights() const {
  constexpr std::string_view kWithout[] = {"Scheduler", "Tokenizer", "TokenizerFast", "Processor", "FeatureExtractor"};
  return std::none_of(std::begin(kWithout), std::end(kWithout),
                      [&](std::string_view ending) { return class_name.ends_with(ending); });
}

std::string Component::weight_stem() const { return library == "transformers" ? "model" : "diffusion_pytorch_model"; }

Repository Repository::open(const std::string& path) {
  const fs::path folder = repository_folder(path);
  const Config index = Config::read((folder / kIndex).string());
  Repository repository;
  repository.path_ = folder.string();
  repository.class_name_ = index.require<std::string>("_class_name");
  for (const auto& [name, value] : index.json().items()) {
    // Beside components, which are pairs of library and class, the index holds options of the pipeline.
    if (name.starts_with('_') || !value.is_array()) continue;
    if (value.size() == 2 && value[0].is_null() && value[1].is_null()) continue;
    if (value.size() != 2 || !value[0].is_string() || !value[1].is_string())
      index.wrong(name, "a pair of library and class");
    if (!is_component_name(name))
      fail(ErrorCode::kCorruptFile,
           "cannot use {}: '{}' cannot name a component; use the file of the model's repository.", index.path(),
           name.substr(0, 100));
    repository.components_.push_back({.name = name,
                                      .library = value[0].get<std::string>(),
                                      .class_name = value[1].get<std::string>(),
                                      .directory = (folder / name).string()});
  }
  if (repository.components_.empty())
    fail(ErrorCode::kCorruptFile, "cannot use {}: it names no components; use the file of the model's repository.",
         index.path());
  return repository;
}

Repository::Repository(std::string class_name, std::string path, std::vector<Component> components)
    : whole_(false), path_(std::move(path)), class_name_(std::move(class_name)), components_(std::move(components)) {}

void Repository::replace(Component component) {
  const auto it = std::find_if(components_.begin(), components_.end(),
                               [&](const Component& c) { return c.name == component.name; });
  if (it != components_.end()) {
    *it = std::move(component);
  } else {
    components_.push_back(std::move(component));
  }
}

bool Repository::contains(const std::string& name) const {
  return std::any_of(components_.begin(), components_.end(), [&](const Component& c) { return c.name == name; });
}

std::string Repository::revision() const {
  const fs::path folder(path_);
  return folder.parent_path().filename() == "snapshots" ? folder.filename().string() : "";
}

const Component& Repository::component(const std::string& name) const {
  const auto it =
      std::find_if(components_.begin(), components_.end(), [&](const Component& c) { return c.name == name; });
  if (it == components_.end()) {
    std::vector<std::string> names;
    for (const Component& c : components_) names.push_back(c.name);
    if (!whole_) {
      std::string option = name;
      std::replace(option.begin(), option.end(), '_', '-');
      fail(ErrorCode::kNotFound,
           "the model of {} has no {}: give it with --{}, or the folder of a whole model with --model.", path_, name,
           option);
    }
    fail(ErrorCode::kCorruptFile, "the model {} has no {}: its {} names {}; use a whole repository.", path_, name,
         kIndex, fmt::join(names, ", "));
  }
  const bool elsewhere = it->checkpoint || it->config || !it->file.empty();
  if (!elsewhere && !is_folder(it->directory))
    fail(ErrorCode::kNotFound, "the model {} is incomplete: {} names {}, but the folder {} is not there; download it.",
         path_, kIndex, name, it->directory);
  return *it;
}

std::string Repository::file(const std::string& component_name, const std::string& name) const {
  const fs::path path = fs::path(component(component_name).directory) / name;
  if (!is_there(path))
    fail(ErrorCode::kNotFound, "the model {} is incomplete: {} is not there; download it.", path_, path.string());
  return path.string();
}

Config Repository::config(const std::string& component_name) const {
  const Component& c = component(component_name);
  if (c.config) return *c.config;
  if (c.checkpoint) return c.checkpoint->config;
  return Config::read(file(component_name, c.has_weights() ? "config.json" : "scheduler_config.json"));
}

std::string Repository::variant_for(const Component& component, const std::string& variant) const {
  if (variant.empty() || has_weight_files(component.directory, component.weight_stem(), variant)) return variant;
  const bool elsewhere = std::any_of(components_.begin(), components_.end(), [&](const Component& other) {
    return other.has_weights() && !other.directory.empty() &&
           has_weight_files(other.directory, other.weight_stem(), variant);
  });
  return elsewhere ? "" : variant;
}

std::shared_ptr<Weights> Repository::open_weights(const std::string& component, const std::string& variant) const {
  const Component& c = this->component(component);
  if (c.checkpoint) return Weights::of(c.checkpoint->weights);
  return Weights::open(c.directory, c.weight_stem(), variant_for(c, variant));
}

}  // namespace swan::io

#include "config/files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "config/limits.h"
#include "config/suggest.h"
#include "config/yaml.h"
#include "swan/error.h"

namespace swan::config {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kPreset = "preset:";
constexpr const char* kExtends = "extends";
constexpr const char* kEnvironments = "environments";

// One file has one identity, however it is named. What is no file (a pipe) has its name.
std::string identity_of(const std::string& path) {
  std::error_code error;
  const fs::path canonical = fs::canonical(path, error);
  return error ? path : canonical.string();
}

}  // namespace

Value own_values(const Value& map) {
  Value own{.kind = Value::Kind::kMap, .origin = map.origin};
  for (const Member& member : map.members) {
    if (member.key != kExtends && member.key != kEnvironments) own.members.push_back(member);
  }
  return own;
}

std::string read_file(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    throw Error(ErrorCode::kIo, fmt::format("cannot read the configuration '{}': it is a folder; name a file.", path));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw Error(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                fmt::format("cannot read the configuration '{}': {}.", path, std::strerror(errno)));
  }
  std::string text(kMaxBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (file.bad()) {
    throw Error(ErrorCode::kIo, fmt::format("cannot read the configuration '{}': {}.", path, std::strerror(errno)));
  }
  return text;
}

std::vector<std::string> preset_names(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() == ".yaml") names.push_back(entry->path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Files::Files(std::string presets) : presets_(std::move(presets)) {}

void Files::add(const std::string& name) {
  std::error_code error;
  if (name.empty()) throw Error(ErrorCode::kInvalidArgument, "--config is empty; name a file or a preset.");
  added_.emplace_back();
  if (name.starts_with(kPreset)) return add_file(preset_path(name.substr(kPreset.size()), "--config"), nullptr, "");
  // A name without a folder or an extension may be a preset's. Models' folders may be called like one.
  const bool file = fs::exists(name, error) && !fs::is_directory(name, error);
  if (!file && name.find('/') == std::string::npos && fs::path(name).extension() != ".yaml") {
    return add_file(preset_path(name, "--config"), nullptr, "");
  }
  add_file(name, nullptr, "");
}

std::string Files::preset_path(const std::string& name, const std::string& asked_by) const {
  const fs::path path = fs::path(presets_) / (name + ".yaml");
  std::error_code error;
  // One name, no way to other folders.
  if (!presets_.empty() && name.find('/') == std::string::npos && fs::is_regular_file(path, error)) {
    return path.lexically_normal().string();
  }
  const std::vector<std::string> names = preset_names(presets_);
  const std::string meant = nearest(name, names);
  throw Error(ErrorCode::kNotFound,
              fmt::format("{} names '{}', which is neither a file nor a preset; {}.", asked_by, name,
                          !meant.empty()  ? fmt::format("did you mean {}?", meant)
                          : names.empty() ? "no presets were found, SWAN_CONFIGS can name their folder"
                                          : fmt::format("presets are {}", fmt::join(names, ", "))));
}

// @param extended_by, where  what asks for it, and the place of its name there; null: --config does
void Files::add_file(const std::string& path, const Document* extended_by, const std::string& where) {
  const std::string identity = identity_of(path);
  for (size_t i = 0; i < open_.size(); ++i) {
    if (open_[i].first != identity) continue;
    std::string chain;
    for (size_t k = i; k < open_.size(); ++k) chain += open_[k].second + " -> ";
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("{}: configuration files extend each other: {}{}; take one of them out.", where, chain, path));
  }
  if (++read_ > kMaxFiles) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("{}: more than {} configuration files are extended, counting each time that one is; extend "
                            "fewer.",
                            where, kMaxFiles));
  }
  const Document& document = read(path, identity);
  open_.emplace_back(identity, path);
  extend(document);
  open_.pop_back();
  if (document.value.kind != Value::Kind::kMap) return;  // which a schema refuses
  added_.back().push_back({.document = &document, .extended_by = extended_by == nullptr ? "" : *extended_by->path});
}

std::vector<FileLayer> Files::layers_of(size_t which, const std::string& environment) const {
  std::vector<FileLayer> layers;
  for (const Added& added : added_.at(which)) {
    const Document& document = *added.document;
    FileLayer layer{
        .path = document.path, .extended_by = added.extended_by, .environment = {}, .value = &document.value};
    layers.push_back(layer);
    const Value* environments = document.value.find(kEnvironments);
    layer.value = environments == nullptr || environment.empty() ? nullptr : environments->find(environment);
    layer.environment = environment;
    if (layer.value != nullptr && layer.value->kind == Value::Kind::kMap) layers.push_back(std::move(layer));
  }
  return layers;
}

std::vector<FileLayer> Files::layers(const std::string& environment) const {
  std::vector<FileLayer> layers;
  for (size_t i = 0; i < added_.size(); ++i) {
    for (FileLayer& layer : layers_of(i, environment)) layers.push_back(std::move(layer));
  }
  return layers;
}

const Files::Document& Files::read(const std::string& path, const std::string& identity) {
  const auto found = documents_.find(identity);
  if (found != documents_.end()) return found->second;
  const auto name = std::make_shared<const std::string>(path);
  const Origin origin{.source = Origin::Source::kFile, .name = name};
  order_.push_back(identity);
  return documents_.emplace(identity, Document{name, read_yaml(read_file(path), origin, problems_)}).first->second;
}

void Files::extend(const Document& document) {
  const Value* extends = document.value.find(kExtends);
  if (extends == nullptr) return;
  std::vector<const Value*> parents;
  if (extends->kind == Value::Kind::kText) parents.push_back(extends);
  for (const Value& item : extends->items) parents.push_back(&item);
  for (const Value* parent : parents) {
    if (parent->kind != Value::Kind::kText || parent->text.empty()) continue;  // which a schema refuses
    const std::string where = parent->origin.str();
    if (parent->text.find("${") != std::string::npos) {
      problems_.push_back(
          {parent->origin, kExtends, "a file's name is written out here; references are for other values"});
      continue;
    }
    std::string path = parent->text.starts_with(kPreset)
                           ? preset_path(parent->text.substr(kPreset.size()), where)
                           : (fs::path(*document.path).parent_path() / parent->text).lexically_normal().string();
    std::error_code error;
    if (!fs::exists(path, error)) {
      throw Error(ErrorCode::kNotFound, fmt::format("{}: it extends '{}', but '{}' is not there; names are relative to "
                                                    "the file that they stand in.",
                                                    where, parent->text, path));
    }
    add_file(path, &document, where);
  }
}

std::vector<const Value*> Files::documents() const {
  std::vector<const Value*> documents;
  documents.reserve(order_.size());
  for (const std::string& identity : order_) documents.push_back(&documents_.at(identity).value);
  return documents;
}

std::vector<std::string> Files::environments() const {
  std::vector<std::string> names;
  for (const Value* document : documents()) {
    const Value* environments = document->find(kEnvironments);
    if (environments == nullptr) continue;
    for (const Member& member : environments->members) {
      if (std::find(names.begin(), names.end(), member.key) == names.end()) names.push_back(member.key);
    }
  }
  return names;
}

}  // namespace swan::config

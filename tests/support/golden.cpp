#include "support/golden.h"

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "support/paths.h"

namespace swan::support {

namespace fs = std::filesystem;

std::string golden_path(const std::string& relative) { return source_path("tests/golden/" + relative); }

nlohmann::json read_json(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  try {
    return nlohmann::json::parse(file);
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(path + ": " + error.what());
  }
}

std::map<std::string, Tensor> GoldenTensors::with_prefix(const std::string& prefix) const {
  std::map<std::string, Tensor> found;
  for (const auto& [name, entry] : file_->entries())
    if (name.starts_with(prefix)) found.emplace(name.substr(prefix.size()), file_->tensor(name));
  return found;
}

GoldenCase::GoldenCase(const std::string& path, const nlohmann::json& json)
    : GoldenTensors(path),
      name(fs::path(path).stem().string()),
      note(json.value("note", "")),
      params(json.value("params", nlohmann::json::object())) {}

Golden Golden::open(const std::string& folder) {
  Golden golden;
  golden.folder_ = golden_path(folder);
  const nlohmann::json json = read_json(golden.path("cases.json"));
  for (const auto& entry : json.at("cases")) golden.cases_.emplace_back(golden.path(entry.at("file")), entry);
  if (golden.cases_.empty()) throw std::runtime_error(golden.folder_ + " has no cases");
  return golden;
}

std::string Golden::path(const std::string& file) const { return (fs::path(folder_) / file).string(); }

std::string Golden::weights_path() const {
  for (const char* name : {"diffusion_pytorch_model.safetensors", "model.safetensors"})
    if (fs::exists(path(name))) return path(name);
  throw std::runtime_error(folder_ + " has no weights");
}

const GoldenCase& Golden::at(const std::string& name) const {
  for (const GoldenCase& c : cases_)
    if (c.name == name) return c;
  throw std::runtime_error(folder_ + " has no case " + name);
}

GoldenPipeline::GoldenPipeline(const nlohmann::json& entry)
    : GoldenTensors(golden_path(entry.at("tensors"))),
      name(entry.at("name")),
      repository(golden_path(entry.at("repo"))),
      variant(entry.value("variant", "")),
      call(entry.at("call")),
      json(entry) {
  const nlohmann::json& seed = entry.at("seed");
  seeds = seed.is_array() ? seed.get<std::vector<uint64_t>>() : std::vector<uint64_t>{seed.get<uint64_t>()};
  for (const std::string image : entry.at("images")) images.push_back(golden_path(image));
}

std::vector<GoldenPipeline> golden_pipelines() {
  std::vector<GoldenPipeline> all;
  const nlohmann::json json = read_json(golden_path("pipelines/cases.json"));
  for (const auto& entry : json.at("cases")) all.emplace_back(entry);
  if (all.empty()) throw std::runtime_error("pipelines/cases.json has no cases");
  return all;
}

GoldenPipeline golden_pipeline(const std::string& name) {
  const nlohmann::json json = read_json(golden_path("pipelines/cases.json"));
  for (const auto& entry : json.at("cases"))
    if (entry.at("name") == name) return GoldenPipeline(entry);
  throw std::runtime_error("pipelines/cases.json has no case " + name);
}

}  // namespace swan::support

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "io/safetensors.h"
#include "swan/tensor.h"

namespace swan::support {

/// The path of something in tests/golden, whose README.md says what is there.
[[nodiscard]] std::string golden_path(const std::string& relative);
/// A JSON file, by its path. @throws std::runtime_error naming the file when it is not there or not JSON
[[nodiscard]] nlohmann::json read_json(const std::string& path);

/// The tensors that belong to one case.
class GoldenTensors {
 public:
  explicit GoldenTensors(const std::string& path) : file_(io::SafetensorsFile::open(path)) {}

  [[nodiscard]] bool has(const std::string& name) const { return file_->entries().contains(name); }
  /// @throws Error kMissingTensor
  [[nodiscard]] Tensor tensor(const std::string& name) const { return file_->tensor(name); }
  /// tensor("input." + name), or an undefined tensor where the case has none.
  [[nodiscard]] Tensor input(const std::string& name) const { return optional("input." + name); }
  /// tensor("output." + name), or an undefined tensor where the case has none.
  [[nodiscard]] Tensor output(const std::string& name) const { return optional("output." + name); }
  /// Every tensor whose name starts with `prefix`, by the rest of its name: with_prefix("mid.") are the taps.
  [[nodiscard]] std::map<std::string, Tensor> with_prefix(const std::string& prefix) const;

 private:
  [[nodiscard]] Tensor optional(const std::string& name) const { return has(name) ? tensor(name) : Tensor(); }

  std::shared_ptr<const io::SafetensorsFile> file_;
};

/// One case of a component: inputs ("input.x"), activations ("mid.path") and results ("output.x") of the reference.
struct GoldenCase : GoldenTensors {
  GoldenCase(const std::string& path, const nlohmann::json& json);
  std::string name;  ///< "case_00"
  std::string note;
  nlohmann::json params;  ///< what else was passed, for example tiling
};

/// A component with the reference's results: Golden::open("components/dcae_f32").
class Golden {
 public:
  [[nodiscard]] static Golden open(const std::string& folder);

  [[nodiscard]] std::string path(const std::string& file = "") const;
  [[nodiscard]] std::string config_path() const { return path("config.json"); }
  [[nodiscard]] nlohmann::json config() const { return read_json(config_path()); }
  /// The folder's weights file, under either of diffusers' and transformers' names.
  [[nodiscard]] std::string weights_path() const;
  [[nodiscard]] const std::vector<GoldenCase>& cases() const noexcept { return cases_; }
  /// @throws std::runtime_error when there is none of that name
  [[nodiscard]] const GoldenCase& at(const std::string& name) const;

 private:
  std::string folder_;
  std::vector<GoldenCase> cases_;
};

/// One end-to-end case of pipelines/cases.json.
struct GoldenPipeline : GoldenTensors {
  explicit GoldenPipeline(const nlohmann::json& json);
  std::string name;
  std::string repository;           ///< path of the model
  std::string variant;              ///< usually empty
  std::vector<uint64_t> seeds;      ///< one for the batch, or one a picture
  nlohmann::json call;              ///< the arguments of the reference's pipeline, by name
  nlohmann::json json;              ///< the whole entry
  std::vector<std::string> images;  ///< paths of the pictures that are kept, the first of a batch only
};

/// All end-to-end cases. @throws std::runtime_error when there are none
[[nodiscard]] std::vector<GoldenPipeline> golden_pipelines();
[[nodiscard]] GoldenPipeline golden_pipeline(const std::string& name);

}  // namespace swan::support

#include <algorithm>
#include <filesystem>
#include <map>
#include <string_view>
#include <system_error>

#include "core/error.h"
#include "io/config.h"
#include "io/repository.h"
#include "io/safetensors.h"
#include "io/weight_files.h"
#include "swan/pipeline.h"

namespace swan {

namespace {

namespace fs = std::filesystem;

// What is known about one component while its files are looked at.
class Inspector {
 public:
  explicit Inspector(const io::Component& component) : directory_(component.directory) {
    info_.name = component.name;
    info_.class_name = component.class_name;
  }

  // A file that belongs to the component and is there.
  void add_file(const fs::path& path) {
    std::error_code error;
    const uintmax_t bytes = fs::file_size(path, error);
    if (!error) info_.bytes += static_cast<int64_t>(bytes);
    info_.files.push_back((fs::path(info_.name) / path.filename()).string());
  }
  void add_problem(const std::string& reason) { info_.missing.push_back(reason); }

  // A JSON object that must be readable.
  void check_config(const char* name) {
    const fs::path path = fs::path(directory_) / name;
    try {
      (void)io::Config::read(path.string());
      add_file(path);
    } catch (const Error& error) {
      add_problem(error.what());
    }
  }

  void check_weights(const std::string& stem, const std::string& variant) {
    io::WeightFiles found;
    try {
      found = io::find_weight_files(directory_, stem, variant);
    } catch (const Error& error) {
      add_problem(error.what());
      return;
    }
    if (!found.index.empty()) add_file(found.index);
    std::map<std::string, int64_t> by_dtype;
    for (const std::string& path : found.files) {
      try {
        const auto file = io::SafetensorsFile::open(path);
        add_file(path);
        count(*file, by_dtype);
        for (const auto& [tensor, shard] : found.weight_map)
          if (shard == path && !file->entries().contains(tensor)) {
            add_problem(fmt::format("{} lacks the tensor '{}' that {} says it holds", path, tensor, found.index));
            break;  // one is enough: the shard is of another revision
          }
      } catch (const Error& error) {
        add_problem(error.what());
      }
    }
    info_.parameters_by_dtype.assign(by_dtype.begin(), by_dtype.end());
    std::stable_sort(info_.parameters_by_dtype.begin(), info_.parameters_by_dtype.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
  }

  // The files of a tokenizer or a processor: all that are there. A tokenizer's vocabulary comes in one of several.
  void check_files(bool is_tokenizer) {
    bool vocabulary = false;
    std::vector<fs::path> paths;
    std::error_code error;
    for (fs::directory_iterator it(directory_, error), end; !error && it != end; it.increment(error))
      if (std::error_code ignored; it->is_regular_file(ignored)) paths.push_back(it->path());
    std::sort(paths.begin(), paths.end());
    for (const fs::path& path : paths) {
      const std::string name = path.filename().string();
      std::error_code ignored;
      const bool empty = fs::file_size(path, ignored) == 0;
      if (name == "tokenizer.json" || name == "tokenizer.model" || name == "spiece.model") {
        if (empty) add_problem(fmt::format("{} is empty; get it again.", path.string()));
        vocabulary = true;
      }
      add_file(path);
    }
    if (is_tokenizer && !vocabulary)
      add_problem(
          fmt::format("{} has neither tokenizer.json nor tokenizer.model nor spiece.model; download one.", directory_));
  }

  [[nodiscard]] ComponentInfo take() { return std::move(info_); }

 private:
  void count(const io::SafetensorsFile& file, std::map<std::string, int64_t>& by_dtype) {
    for (const auto& [name, entry] : file.entries()) {
      by_dtype[file.stored_type(name)] += entry.shape.numel();
      info_.parameters += entry.shape.numel();
    }
  }

  std::string directory_;
  ComponentInfo info_;
};

ComponentInfo inspect_component(const io::Component& component, const std::string& variant) {
  Inspector inspector(component);
  std::error_code error;
  if (!fs::is_directory(component.directory, error)) {
    inspector.add_problem(fmt::format("the folder {} is not there; download it.", component.directory));
  } else if (component.has_weights()) {
    inspector.check_config("config.json");
    inspector.check_weights(component.weight_stem(), variant);
  } else if (component.class_name.ends_with("Scheduler")) {
    inspector.check_config("scheduler_config.json");
  } else {
    inspector.check_files(component.class_name.find("Tokenizer") != std::string::npos);
  }
  return inspector.take();
}

}  // namespace

bool ModelInfo::complete() const {
  return !components.empty() &&
         std::all_of(components.begin(), components.end(), [](const ComponentInfo& c) { return c.missing.empty(); });
}

ModelInfo inspect_model(const std::string& path, const std::string& variant) {
  const io::Repository repository = io::Repository::open(path);
  ModelInfo info{.path = repository.path(), .class_name = repository.class_name(), .components = {}};
  for (const io::Component& component : repository.components())
    info.components.push_back(inspect_component(component, repository.variant_for(component, variant)));
  return info;
}

}  // namespace swan

#include "hub/selection.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/text.h"
#include "hub/names.h"
#include "io/repository.h"
#include "io/weight_files.h"

namespace swan::hub {

namespace {

namespace fs = std::filesystem;

// Components that Swan reads; others (safety checkers, feature extractors, image encoders) are not fetched.
constexpr std::array<std::string_view, 6> kComponents = {"text_encoder", "tokenizer", "transformer",
                                                         "vae",          "scheduler", "controlnet"};
constexpr std::array<std::string_view, 3> kVocabularies = {"tokenizer.json", "tokenizer.model", "spiece.model"};
constexpr const char* kIndex = "model_index.json";

bool contains(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

bool is_weights(std::string_view name) {
  constexpr std::array<std::string_view, 7> kEndings = {".safetensors", ".sft",  ".gguf", ".pth",
                                                        ".pt",          ".ckpt", ".bin"};
  return std::any_of(kEndings.begin(), kEndings.end(), [&](std::string_view e) { return name.ends_with(e); });
}

class Choice {
 public:
  Choice(const Shelf& shelf, const PullOptions& options) : shelf_(shelf), options_(options) {}

  std::set<std::string> take() { return std::move(chosen_); }

  // The whole repository, or a folder of it ("" or "vae/").
  void add_folder(const std::string& folder) {
    if (has(folder + kIndex)) return add_pipeline(folder);
    if (!options_.components.empty()) {
      // A component's own repository has it at the top, a whole model's in its folder.
      for (const std::string& name : options_.components)
        if (const std::string below = folder + name + "/"; has_folder(below)) return add_network_folder(below);
    }
    add_network_folder(folder);
  }

  void add_file(const std::string& path) {
    chosen_.insert(path);
    // It tells what shapes do not (docs/FILES.md).
    const std::string config = path.substr(0, path.rfind('/') + 1) + "config.json";
    if (is_weights(path) && has_or_lacks(config)) chosen_.insert(config);
  }

  // What people should have read: at the top, and small by their nature.
  void add_papers() {
    constexpr std::array<std::string_view, 3> kNames = {"readme", "license", "notice"};
    for (const std::string& path : shelf_.files) {
      if (path.find('/') != std::string::npos) continue;
      const std::string name = in_lower_case(path.substr(0, path.find('.')));
      if (std::any_of(kNames.begin(), kNames.end(), [&](std::string_view n) { return name.starts_with(n); }))
        chosen_.insert(path);
    }
  }

  [[nodiscard]] bool has(const std::string& path) const { return shelf_.files.contains(path); }
  [[nodiscard]] bool has_folder(const std::string& folder) const {
    const auto it = shelf_.files.lower_bound(folder);
    return it != shelf_.files.end() && it->starts_with(folder);
  }

 private:
  void require(const std::string& path) {
    if (!has(path))
      fail(ErrorCode::kNotFound, "the model {} is incomplete: it has no {}; use another revision of it.", shelf_.model,
           path);
    chosen_.insert(path);
  }
  // has(), of a file without which others would do, but other ones.
  [[nodiscard]] bool has_or_lacks(const std::string& path) const {
    if (has(path)) return true;
    if (shelf_.lacks && !shelf_.lacks(path))
      fail(ErrorCode::kNotFound, "it is not known whether {} has a file {}.", shelf_.model, path);
    return false;
  }
  void add_if_there(const std::string& path) {
    if (has(path)) chosen_.insert(path);
  }

  void add_pipeline(const std::string& folder) {
    require(folder + kIndex);
    add_if_there(folder + "generation_config.json");  // sizes and steps of transformers-like models of videos
    const io::Repository repository =
        io::Repository::open(fs::path(shelf_.fetch(folder + kIndex)).parent_path().string());
    components_.clear();
    for (const io::Component& c : repository.components())
      if (std::find(kComponents.begin(), kComponents.end(), c.name) != kComponents.end() &&
          (options_.components.empty() || contains(options_.components, c.name)))
        components_.push_back(c);
    if (components_.empty())
      fail(ErrorCode::kNotFound, "the model {} has none of the components {}.", shelf_.model,
           fmt::join(options_.components.empty() ? std::vector<std::string>(kComponents.begin(), kComponents.end())
                                                 : options_.components,
                     ", "));
    for (const io::Component& c : components_) {
      const std::string below = folder + c.name + "/";
      if (c.has_weights()) {
        require(below + "config.json");
        if (!contains(options_.weightless, c.name)) add_weights(below, c.weight_stem(), variant_for(folder, c));
      } else if (c.class_name.ends_with("Scheduler")) {
        require(below + "scheduler_config.json");
      } else if (!contains(options_.weightless, c.name)) {
        add_small_files(below);
        if (std::none_of(kVocabularies.begin(), kVocabularies.end(),
                         [&](std::string_view name) { return has(below + std::string(name)); }))
          fail(ErrorCode::kNotFound, "the model {} is incomplete: {} has none of {}; use another revision of it.",
               shelf_.model, below, fmt::join(kVocabularies, ", "));
      }
    }
  }

  // As diffusers: a component that lacks the variant uses its plain files, unless none has it.
  [[nodiscard]] std::string variant_for(const std::string& folder, const io::Component& component) const {
    const auto offers = [&](const io::Component& c) {
      const auto names = io::weight_file_names(c.weight_stem(), options_.variant);
      return std::any_of(names.begin(), names.end(),
                         [&](const std::string& name) { return has(folder + c.name + "/" + name); });
    };
    if (options_.variant.empty() || offers(component)) return options_.variant;
    const bool elsewhere = std::any_of(components_.begin(), components_.end(),
                                       [&](const io::Component& c) { return c.has_weights() && offers(c); });
    if (!elsewhere) return options_.variant;
    const std::string below = folder + component.name + "/";
    for (const std::string& name : io::weight_file_names(component.weight_stem(), options_.variant))
      (void)has_or_lacks(below + name);
    return "";
  }

  // A folder that is no pipeline: a component's, a LoRA's, a tokenizer's.
  void add_network_folder(const std::string& folder) {
    const size_t before = chosen_.size();
    add_if_there(folder + "config.json");
    add_if_there(folder + "scheduler_config.json");
    bool weights = false;
    for (const char* stem : {"diffusion_pytorch_model", "model", "pytorch_lora_weights"}) {
      const auto names = io::weight_file_names(stem, options_.variant);
      if (weights || std::none_of(names.begin(), names.end(), [&](const std::string& n) { return has(folder + n); }))
        continue;
      add_weights(folder, stem, options_.variant);
      weights = true;
    }
    const bool vocabulary = std::any_of(kVocabularies.begin(), kVocabularies.end(),
                                        [&](std::string_view name) { return has(folder + std::string(name)); });
    if (vocabulary) add_small_files(folder);
    if ((!weights && !vocabulary && !has(folder + "scheduler_config.json")) || chosen_.size() == before)
      nothing_in(folder);
  }

  void add_small_files(const std::string& folder) {
    for (auto it = shelf_.files.lower_bound(folder); it != shelf_.files.end() && it->starts_with(folder); ++it) {
      const std::string_view name = std::string_view(*it).substr(folder.size());
      const bool deeper = name.find('/') != std::string_view::npos;
      const bool index = name.find(".index.") != std::string_view::npos;
      if (!deeper && !index && (name.ends_with(".json") || name.ends_with(".model") || name.ends_with(".txt")))
        chosen_.insert(*it);
    }
  }

  void add_weights(const std::string& folder, const std::string& stem, const std::string& variant) {
    for (const std::string& name : io::weight_file_names(stem, variant)) {
      if (!has(folder + name)) continue;
      require(folder + name);
      if (!name.ends_with(".json")) return;
      const io::WeightFiles shards = io::read_weight_index(shelf_.fetch(folder + name));
      for (const std::string& path : shards.files) require(folder + fs::path(path).filename().string());
      return;
    }
    std::vector<std::string> there;
    bool pickled = false;
    for (auto it = shelf_.files.lower_bound(folder); it != shelf_.files.end() && it->starts_with(folder); ++it) {
      if (!is_weights(*it) || it->find('/', folder.size()) != std::string::npos) continue;
      there.push_back(it->substr(folder.size()));
      pickled = pickled || !it->ends_with(".safetensors");
    }
    const bool only_pickled = pickled && std::none_of(there.begin(), there.end(),
                                                      [](const std::string& n) { return n.ends_with(".safetensors"); });
    if (only_pickled)
      fail(ErrorCode::kUnsupported,
           "{} of {} holds only {}, pickled files, which can run code when they are loaded; use a revision or another "
           "repository with {}.safetensors.",
           folder, shelf_.model, fmt::join(there, ", "), stem);
    fail(ErrorCode::kNotFound, "{}{} of {} has no weights {}{}; there {}: {}{}.",
         folder.empty() ? "the top" : "the folder ", folder, shelf_.model,
         variant.empty() ? "without a variant" : "of variant ", variant, there.size() == 1 ? "is" : "are",
         there.empty() ? "none" : fmt::format("{}", fmt::join(there, ", ")), choice_of_variant(stem, there));
  }

  // "; choose with --variant fp16 ...", where such files are there.
  static std::string choice_of_variant(const std::string& stem, const std::vector<std::string>& names) {
    constexpr std::string_view kEnding = ".safetensors";
    std::set<std::string> variants;
    for (const std::string& name : names) {
      if (!name.starts_with(stem + ".") || !name.ends_with(kEnding)) continue;
      const size_t begin = stem.size() + 1;
      if (begin + kEnding.size() >= name.size()) continue;  // it has none
      std::string variant = name.substr(begin, name.size() - begin - kEnding.size());
      constexpr size_t kShard = std::string_view("-00001").size();  // of "fp16-00001-of-00002"
      if (const size_t of = variant.rfind("-of-"); of != std::string::npos && of > kShard) variant.erase(of - kShard);
      variants.insert(std::move(variant));
    }
    return variants.empty() ? "" : fmt::format("; choose with --variant {}", fmt::join(variants, " or "));
  }

  [[noreturn]] void nothing_in(const std::string& folder) const {
    constexpr size_t kMostShown = 12;
    std::vector<std::string> weights;
    for (const std::string& path : shelf_.files)
      if (is_weights(path) && path.starts_with(folder)) weights.push_back(shelf_.model + "/" + path);
    const size_t more = weights.size() > kMostShown ? weights.size() - kMostShown : 0;
    weights.resize(weights.size() - more);
    if (weights.empty())
      fail(ErrorCode::kNotFound, "{}{}{} has neither {} nor weights; check the name.", shelf_.model,
           folder.empty() ? "" : "/", folder, kIndex);
    fail(ErrorCode::kNotFound, "{} is no model in diffusers' layout; name one of its files: {}{}.", shelf_.model,
         fmt::join(weights, ", "), more > 0 ? fmt::format(" and {} more", more) : "");
  }

  const Shelf& shelf_;
  const PullOptions& options_;
  std::vector<io::Component> components_;
  std::set<std::string> chosen_;
};

}  // namespace

std::set<std::string> filtered(const std::set<std::string>& files, const std::vector<std::string>& include,
                               const std::vector<std::string>& exclude) {
  std::set<std::string> kept;
  const auto any = [](const std::vector<std::string>& patterns, const std::string& path) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const std::string& pattern) { return matches_glob(pattern, path); });
  };
  for (const std::string& path : files)
    if ((include.empty() || any(include, path)) && !any(exclude, path)) kept.insert(path);
  return kept;
}

std::set<std::string> needed_files(const Shelf& shelf, const std::string& file, const PullOptions& options) {
  if (!options.include.empty()) {
    std::set<std::string> chosen = filtered(shelf.files, options.include, options.exclude);
    if (chosen.empty())
      fail(ErrorCode::kNotFound, "no file of {} matches {}; it has {} files, such as {}.", shelf.model,
           fmt::join(options.include, " or "), shelf.files.size(), shelf.files.empty() ? "-" : *shelf.files.begin());
    return chosen;
  }
  Choice choice(shelf, options);
  if (file.empty()) {
    choice.add_folder("");
  } else if (choice.has(file)) {
    choice.add_file(file);
  } else if (choice.has_folder(file + "/")) {
    choice.add_folder(file + "/");
  } else {
    fail(ErrorCode::kNotFound, "{} has no file or folder '{}'; check the name and the revision.", shelf.model, file);
  }
  choice.add_papers();
  return filtered(choice.take(), {}, options.exclude);
}

}  // namespace swan::hub

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/checkpoint/checkpoint.h"
#include "io/config.h"
#include "io/weights.h"

namespace swan::io {

/// One entry of model_index.json, or what stands for it.
struct Component {
  std::string name;            ///< "text_encoder"; also its folder's name
  std::string library;         ///< "transformers"
  std::string class_name;      ///< "Gemma2Model"
  std::string directory = {};  ///< path of the folder, which need not exist
  /// A single file instead of the folder: a network's weights, or a text encoder's whose tokenizer this is.
  std::shared_ptr<const Checkpoint> checkpoint = nullptr;
  std::string file = {};                           ///< a tokenizer's only file, instead of the folder
  std::shared_ptr<const Config> config = nullptr;  ///< a scheduler's, instead of the folder

  /// True for networks; false for schedulers, tokenizers and processors.
  [[nodiscard]] bool has_weights() const;
  /// How its library names weights: "model" for transformers, "diffusion_pytorch_model" for diffusers.
  [[nodiscard]] std::string weight_stem() const;
};

/// The components of a pipeline: a folder in diffusers' layout, whose model_index.json names them, each in a folder of
/// its own; or components from elsewhere, beside or instead of such.
class Repository {
 public:
  /// Reads model_index.json. Accepts a folder of the Hugging Face cache (models--org--name) too and resolves it to the
  /// snapshot that refs/main names, else to the newest one.
  /// @throws Error kNotFound, kIo or kCorruptFile naming what is wrong and what to give instead
  [[nodiscard]] static Repository open(const std::string& path);
  /// Components without a repository. @param path  names it in messages
  Repository(std::string class_name, std::string path, std::vector<Component> components);
  /// Puts the component in the place of the one of its name, or adds it.
  void replace(Component component);

  /// The folder that holds model_index.json, or what messages call the model instead.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// The revision, when the folder is a snapshot of the Hugging Face cache; else empty.
  [[nodiscard]] std::string revision() const;
  /// "SanaPipeline"
  [[nodiscard]] const std::string& class_name() const noexcept { return class_name_; }
  /// Sorted by name; those that the index sets to null are left out.
  [[nodiscard]] const std::vector<Component>& components() const noexcept { return components_; }

  [[nodiscard]] bool contains(const std::string& name) const;
  /// @throws Error kCorruptFile when the index has no such component; kNotFound when its folder is not there, or no
  ///         file was given for it
  [[nodiscard]] const Component& component(const std::string& name) const;
  /// A component's config.json, or a scheduler's scheduler_config.json. @throws Error as component() and Config::read
  [[nodiscard]] Config config(const std::string& component) const;
  /// Path of a file of a component. @throws Error as component(); kNotFound when it is not there
  [[nodiscard]] std::string file(const std::string& component, const std::string& name) const;
  /// Opens a component's weights with the variant that variant_for gives. @throws Error as component() and
  /// Weights::open
  [[nodiscard]] std::shared_ptr<Weights> open_weights(const std::string& component, const std::string& variant) const;
  /// The variant to open a component's weights with when the user asked for `variant`: as in diffusers a component that
  /// lacks it uses its plain files, unless no component has it; then opening will say which variants there are.
  [[nodiscard]] std::string variant_for(const Component& component, const std::string& variant) const;

 private:
  Repository() = default;

  bool whole_ = true;  // from an index, which should name all that is needed
  std::string path_, class_name_;
  std::vector<Component> components_;
};

}  // namespace swan::io

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "make_random_model/weight_writer.h"

namespace swan::tools {

/// What models of one kind have in common: manifests without ".json.gz", and a tokenizer of this project that will do.
struct Family {
  std::string_view vae, text_encoder;
  std::string_view tokenizer_class;  ///< "GemmaTokenizer"
  std::string_view tokenizer;        ///< folder, from the project's root
};

/// A published model whose repository can be imitated.
struct Preset {
  std::string_view name;         ///< "sana-0.6b"
  std::string_view pipeline;     ///< "SanaPipeline"
  std::string_view transformer;  ///< manifest of the transformer, without ".json.gz"
  std::string_view scheduler;    ///< "dpmsolver", "scm" or "unipc"
  const Family* family;
};
[[nodiscard]] const std::vector<Preset>& presets();
/// @throws Error kInvalidArgument naming those there are
[[nodiscard]] const Preset& find_preset(std::string_view name);

struct RepositorySources {
  std::string manifests;  ///< folder with the manifests and scheduler configurations
  std::string tokenizer;  ///< folder whose files become the repository's tokenizer
};

/// Bytes of all weights that write_random_repository will write.
[[nodiscard]] size_t repository_bytes(const Preset& preset, const RepositorySources& sources,
                                      const WriteOptions& options);

/// Writes a whole repository in diffusers' layout: model_index.json, configurations, scheduler, tokenizer, weights.
/// @throws Error kInvalidArgument when the tokenizer's ids exceed the text encoder's table; else as its parts
void write_random_repository(const Preset& preset, const RepositorySources& sources, const std::string& output,
                             const WriteOptions& options);

/// Writes a model's config.json beside its weights. @param dtype  as in WriteOptions
void write_config(const Manifest& manifest, const std::string& folder, const WriteOptions& options);

}  // namespace swan::tools

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "io/repository.h"
#include "swan/pipeline.h"
#include "tokenizers/tokenizer.h"

namespace swan::pipelines {

/// The components that a path and LoadOptions name together.
struct ModelFiles {
  io::Repository repository;
  std::string name;     ///< how settings name the model: by what can be opened again from anywhere; empty: by its files
  LoadOptions options;  ///< with the files' paths likewise
};

/// @param path      a repository's folder, the file of a transformer, or empty: the embedded model, or no model beside
///                  LoadOptions::transformer
/// @param embedded  what settings call the embedded model, kEmbeddedModel or kEmbeddedVideoModel
/// @throws Error as Repository::open and open_checkpoint; kInvalidArgument for a file that is another component than
///         the one it was given for; kUnsupported for a component that the pipeline cannot use; kNotFound naming the
///         option whose component is missing
[[nodiscard]] ModelFiles open_model(const std::string& path, const LoadOptions& options, const char* embedded);

/// One network by itself: a single file, or the folder that holds config.json and its weights.
/// @throws Error as open_checkpoint and Config::read; kUnsupported for the folder of a class that Swan does not know
[[nodiscard]] io::Component open_component(const std::string& path);

/// The option that a component of a pipeline is given with: "--text-encoder".
[[nodiscard]] std::string option_of(std::string_view component);

/// The tokenizer that goes with a model's text encoder: its folder's, a file, or the one in the text encoder's file.
/// @throws Error as Tokenizer::load
[[nodiscard]] std::unique_ptr<tokenizers::Tokenizer> load_tokenizer(const io::Repository& repository);

}  // namespace swan::pipelines

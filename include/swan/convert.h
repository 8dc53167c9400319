#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "swan/export.h"
#include "swan/pipeline.h"

namespace swan {

/// How weights are written anew.
struct ConvertOptions {
  std::string dtype = "auto";  ///< f32, f16 or bf16 of every floating-point tensor; auto: as stored, quantised as bf16
  /// The publishers' own names, a file a network, instead of a repository in diffusers' layout.
  bool original = false;
  uint64_t max_shard_bytes = 5'000'000'000;  ///< of a repository's files; larger networks are cut into several
};

/// A network that was written.
struct ConvertedComponent {
  std::string name;        ///< "transformer"
  std::string class_name;  ///< "WanTransformer3DModel"
  std::string source;      ///< the file or folder it came from
  std::string names;       ///< that it is in now: "diffusers' names"
  std::vector<std::string> files;
  int64_t tensors = 0, bytes = 0;
};
struct ConvertResult {
  std::string class_name;  ///< of the pipeline; empty: a single component was written
  std::vector<ConvertedComponent> components;
};

/// Writes a model in another layout.
/// @param path    a repository, a component's folder, or a single file of any kind that Swan reads; empty: `files`
/// alone
/// @param files   its transformer, text_encoder, vae, tokenizer and variant as of LoadOptions
/// @param output  a folder for a repository; of one component alone, its folder, or with ConvertOptions::original a
///                .safetensors file. It must not exist; it appears when it is whole.
/// @param callbacks  progress (stage: a component's name; tensors) and cancel
/// @throws Error kInvalidArgument when the output is there or a part is missing, naming the option; kUnsupported for a
///         network that cannot be written so; kIo; kCancelled; what opening the model throws
SWAN_API ConvertResult convert_model(const std::string& path, const LoadOptions& files, const std::string& output,
                                     const ConvertOptions& options = {}, const Callbacks& callbacks = {});

}  // namespace swan

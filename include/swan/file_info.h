#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "swan/export.h"

namespace swan {

/// What a file of tensors by itself, or the folder of one component, is.
struct FileInfo {
  enum class Kind { kUnknown, kNetwork, kLora };

  std::string path;
  std::string container;  ///< "safetensors", "torch" or "GGUF"
  Kind kind = Kind::kUnknown;
  int64_t tensors = 0, parameters = 0;
  int64_t bytes = 0;                                                ///< of the file
  std::vector<std::pair<std::string, int64_t>> parameters_by_type;  ///< as stored, {"q4_k", 1300000000}; most first
  std::string problem;                                              ///< why Swan cannot use it; empty: it can
  std::string option;                                               ///< that takes it: "--transformer"; empty: none

  // A network
  std::string component;   ///< "transformer"
  std::string class_name;  ///< "WanTransformer3DModel"
  std::string names;       ///< that it uses: "Wan's own names"
  std::string prefix;      ///< before each of them
  std::string config;      ///< its config.json, as far as it is known
  bool tokenizer = false;  ///< whether it holds its text encoder's tokenizer

  // A LoRA
  std::vector<std::pair<int64_t, int64_t>> ranks;  ///< rank, and how many modules have it
  int64_t modules = 0;
  std::vector<std::string> targets;  ///< modules, numbers being N; each once
  std::string base_model;            ///< a guess from widths and names; empty: none

  std::vector<std::string> some_names;  ///< of an unknown file
};

/// Looks at a file or a component's folder; reads what describes the tensors. That it is of no use to Swan is no error.
/// @throws Error kNotFound, kIo, kCorruptFile, kUnsupported for what cannot be read as a file of tensors
[[nodiscard]] SWAN_API FileInfo inspect_file(const std::string& path);

/// Whether inspect_file is for it: a file, or a folder that is no repository and holds a config.json or a LoRA.
[[nodiscard]] SWAN_API bool is_single_file(const std::string& path);

}  // namespace swan

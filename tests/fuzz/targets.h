#pragma once

#include <string>
#include <string_view>

namespace swan::fuzz {

/// Each treats the bytes as a file of its kind and uses what it finds in every way that the library does. Returns true
/// when the file was accepted, false when it gave an Error; anything else that comes out is a defect.
bool read_as_safetensors(std::string_view bytes);
/// A file of weights of any format.
bool read_as_weights(std::string_view bytes);
/// The pickle of a torch file alone.
bool read_as_pickle(std::string_view bytes);
/// A network's weights in one file, under the names of any format.
bool read_as_checkpoint(std::string_view bytes);
bool read_as_config(std::string_view bytes);

/// A configuration file: reads and checks it, replaces its references and prints it.
/// @throws std::runtime_error also when what is printed does not give the same again
bool read_as_configuration(std::string_view bytes);

/// Cleans the bytes as a prompt of every model, which takes any: the result is UTF-8 without whitespace at its ends.
/// @throws std::runtime_error when it is not
void clean_as_prompt(std::string_view bytes);

/// A whole small repository in a folder, of which one file is replaced.
class RepositoryTarget {
 public:
  /// @param folder  empty, and the caller's to remove;  @param corpus  tests/fuzz/corpus
  RepositoryTarget(std::string folder, const std::string& corpus);
  bool read_with_model_index(std::string_view bytes);
  bool read_with_weight_index(std::string_view bytes);

 private:
  std::string folder_;
};

/// A small network's weights in a folder, for which files are read as LoRAs and merged.
class LoraTarget {
 public:
  /// @param folder  empty, and the caller's to remove
  explicit LoraTarget(std::string folder);
  [[nodiscard]] bool read(std::string_view bytes) const;

 private:
  std::string folder_;
};

/// A file's bytes. @throws std::runtime_error
[[nodiscard]] std::string slurp(const std::string& path);

}  // namespace swan::fuzz

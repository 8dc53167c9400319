#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/problems.h"
#include "config/value.h"

namespace swan::config {

/// A configuration file's part of the whole.
struct FileLayer {
  std::shared_ptr<const std::string> path;
  std::string extended_by;       ///< the file that asked for it; empty: --config did
  std::string environment;       ///< its section of this name; empty: its own values
  const Value* value = nullptr;  ///< a map, of the document or its environment; Files keeps it
};

/// A document or an environment without `extends` and `environments`, which are no part of the whole.
[[nodiscard]] Value own_values(const Value& map);

/// Reads configuration files with those that they extend.
class Files {
 public:
  /// @param presets  the folder where `preset:NAME` is NAME.yaml; empty: there is none
  explicit Files(std::string presets);

  /// Reads a file and those that it extends.
  /// @param name  of --config: a file, or where there is none of this name a preset, or preset:NAME
  /// @throws Error kNotFound, kIo for a file that cannot be read; kInvalidArgument for files that extend each other
  void add(const std::string& name);

  /// The layers of what was added, weakest first: of each file those of its parents, its own values, then those of its
  /// environment. @param environment  whose sections are taken; empty: none
  [[nodiscard]] std::vector<FileLayer> layers(const std::string& environment) const;
  /// Those of what was added as number `which`.
  [[nodiscard]] std::vector<FileLayer> layers_of(size_t which, const std::string& environment) const;
  /// Every document that was read, whole, once each.
  [[nodiscard]] std::vector<const Value*> documents() const;
  /// What reading them found.
  [[nodiscard]] const Problems& problems() const noexcept { return problems_; }
  /// The environments that they name.
  [[nodiscard]] std::vector<std::string> environments() const;

 private:
  struct Document {
    std::shared_ptr<const std::string> path;
    Value value;
  };

  // A document in its place among those that one call of add reads.
  struct Added {
    const Document* document = nullptr;
    std::string extended_by;
  };

  void add_file(const std::string& path, const Document* extended_by, const std::string& where);
  const Document& read(const std::string& path, const std::string& identity);
  void extend(const Document& document);
  [[nodiscard]] std::string preset_path(const std::string& name, const std::string& asked_by) const;

  std::string presets_;
  std::map<std::string, Document> documents_;              ///< by canonical path
  std::vector<std::string> order_;                         ///< of the same, as they were read
  std::vector<std::pair<std::string, std::string>> open_;  ///< canonical path and name of those that are being added
  size_t read_ = 0;                                        ///< files, one that is extended twice counting twice
  std::vector<std::vector<Added>> added_;                  ///< of each call of add, weakest first
  Problems problems_;
};

/// The names of the presets in a folder, sorted.
[[nodiscard]] std::vector<std::string> preset_names(const std::string& folder);

/// The first kMaxBytes + 1 bytes of a file. @throws Error kNotFound, kIo
[[nodiscard]] std::string read_file(const std::string& path);

}  // namespace swan::config

#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "support/temp_dir.h"
#include "tokenizers/tokenizer.h"

namespace swan::tokenizers {

/// Which of a tokenizer's two forms a repository carries.
enum class Route { kModel, kJson, kBoth };

[[nodiscard]] std::string read_bytes(const std::string& path);
[[nodiscard]] nlohmann::json read_golden_json(const std::string& name);  ///< a file of tests/golden/tokenizers

/// A copy of a tokenizer's folder with only the files that the route allows.
class RouteFolder {
 public:
  RouteFolder(const std::string& source, Route route);
  [[nodiscard]] const std::string& path() const noexcept { return dir_.path(); }
  /// Replaces a file; an empty folder entry is made where there was none.
  void write(const std::string& name, const std::string& content) const { dir_.write(name, content); }
  void write(const std::string& name, const nlohmann::json& content) const { dir_.write(name, content.dump()); }
  void remove(const std::string& name) const;
  [[nodiscard]] nlohmann::json json(const std::string& name) const;

 private:
  support::TempDir dir_;
};

[[nodiscard]] std::string golden_folder(const std::string& name);  ///< "gemma" or "umt5"
[[nodiscard]] std::string emoji_folder();                          ///< the embedded model's tokenizer

}  // namespace swan::tokenizers

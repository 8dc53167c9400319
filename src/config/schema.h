#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/value.h"

namespace swan::config {

/// What a key's value is.
enum class Type {
  kText,
  kInteger,
  kNumber,
  kFlag,      ///< true or false
  kSize,      ///< text such as 8GiB
  kTexts,     ///< one text or a list of them
  kIntegers,  ///< one whole number, a list of them, or text with commas between them
  kNumbers,   ///< likewise
  kMap,       ///< keys of its own that nothing checks
};

/// One key of a configuration.
struct Field {
  std::string path;  ///< "sampling.guidance_scale"
  Type type = Type::kText;
  std::string description = {};
  std::vector<std::string> choices = {};   ///< all that it may be, of kText; of numbers, words beside them
  std::vector<std::string> examples = {};  ///< some that it may be
  std::optional<double> minimum = {};
  std::optional<double> maximum = {};
  std::string standard = {};  ///< built-in default, where it is one value; empty: none
  /// Paths of what excludes it: where a stronger layer has one of them, its value falls away.
  std::vector<std::string> yields_to = {};
};

struct Section {
  std::string name;
  std::string description;
};

/// All keys that a configuration may have.
class Schema {
 public:
  /// @param sections  in the order in which they are shown; each field's path begins with one of them
  /// @throws Error kInternal for a path twice, or without its section
  Schema(std::vector<Section> sections, std::vector<Field> fields);

  [[nodiscard]] const std::vector<Section>& sections() const noexcept { return sections_; }
  /// By section, and within them as they were given.
  [[nodiscard]] const std::vector<Field>& fields() const noexcept { return fields_; }
  /// The field at this path, or the open one (kMap) above it, or null.
  [[nodiscard]] const Field* find(std::string_view path) const;
  /// Whether a field's path goes on from this one.
  [[nodiscard]] bool is_section(std::string_view path) const;
  /// The keys that may stand in a section; of the whole for "".
  [[nodiscard]] std::vector<std::string> keys(std::string_view section) const;
  /// The path that an unknown one was most likely meant to be, or empty: a key with another letter, in another section,
  /// or of which it is a word.
  [[nodiscard]] std::string nearest_path(const std::string& path) const;

  /// As JSON Schema (draft 7) of a file: with `extends`, `environments`, and "${...}" in place of any value.
  [[nodiscard]] nlohmann::ordered_json json() const;

 private:
  std::vector<Section> sections_;
  std::vector<Field> fields_;
};

/// What a field's value must be, in words: "a whole number from 1 to 1000".
[[nodiscard]] std::string expected(const Field& field);

}  // namespace swan::config

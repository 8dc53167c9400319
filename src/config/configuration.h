#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/overrides.h"
#include "config/schema.h"
#include "config/value.h"

namespace swan::config {

/// What a configuration is made of.
struct Inputs {
  std::vector<std::string> files;          ///< --config, weakest first
  std::vector<std::string> settings;       ///< --set
  std::optional<std::string> environment;  ///< --env; without it $SWAN_ENV
  Variables variables;                     ///< of the process
  std::vector<TypedOption> options;        ///< typed, the strongest
  std::string presets;                     ///< the folder of presets; empty: there is none
};

/// The values of all layers together.
struct Configuration {
  Value root;                       ///< a map of sections
  std::vector<std::string> layers;  ///< in words, weakest first; Origin::layer counts them

  /// The value at a path, or null where there is none, or it is null (which takes a weaker layer's value away).
  [[nodiscard]] const Value* find(std::string_view path) const;
};

/// Reads, checks and merges everything.
/// @throws Error kInvalidArgument naming every problem, each with where it stands; kNotFound, kIo for a file
[[nodiscard]] Configuration resolve(const Inputs& inputs, const Schema& schema);

/// Checks files, each by itself with those that it extends, in all environments: their YAML, every key and value, and
/// of references what no other file could mend, with the defaults of variables.
/// @throws Error as resolve does
void check_files(const std::vector<std::string>& files, const std::string& presets, const Schema& schema);

/// A value as an option would be given it: one text, or one for each time that the option is repeated. None for null.
[[nodiscard]] std::vector<std::string> option_texts(const Value& value, Type type);

}  // namespace swan::config

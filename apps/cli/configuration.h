#pragma once

#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/option_set.h"
#include "config/configuration.h"
#include "config/schema.h"

namespace swan::cli {

/// The schema of configurations: what the options' keys say, and the sections that no option is of.
[[nodiscard]] config::Schema schema_of(const OptionTable& table);

/// What a command's configuration is made of, but for the options that were typed.
[[nodiscard]] config::Inputs inputs_of(const ConfigArguments& arguments);

/// An option that a configuration gave its value.
struct FilledOption {
  std::string name;    ///< "--guidance-scale"
  std::string path;    ///< "sampling.guidance_scale"
  std::string text;    ///< the first, where it takes several
  std::string origin;  ///< "base.yaml:4:19"
};

/// Gives the options of a command that were not typed the values of its configuration.
/// @throws Error for a configuration that cannot be used
[[nodiscard]] std::vector<FilledOption> fill_options(const std::string& command, const OptionTable& table);

/// Adds to a message about options where their values came from, if a configuration gave them.
[[nodiscard]] std::string with_origins(const std::string& message, const std::vector<FilledOption>& filled);

/// The folder of the presets: $SWAN_CONFIGS, else share/swan/configs beside the program or, in a build tree, the
/// project's configs; empty: there is none.
[[nodiscard]] std::string presets_folder();

}  // namespace swan::cli

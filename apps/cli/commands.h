#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "cli/arguments.h"
#include "cli/option_set.h"

namespace swan::cli {

/// The heading of the options that come last, where --help belongs.
inline constexpr const char* kReportGroup = "Files and reports";

/// Adds every command with its options, which fill `arguments`.
void define_commands(CLI::App& program, Arguments& arguments, OptionTable& table);

/// Our options, without dashes, that an option of this name in another program or command may mean, where the letters
/// are too far apart to guess.
[[nodiscard]] std::vector<std::string> familiar_options(const std::string& name);

}  // namespace swan::cli

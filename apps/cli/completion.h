#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/command_line.h"

namespace swan::cli {

/// A script that completes the given commands and their options.
/// @param shell  "bash", "zsh" or "fish"  @throws UsageError for another or none
[[nodiscard]] std::string completion_script(const std::optional<std::string>& shell,
                                            const std::vector<CommandInfo>& commands);

}  // namespace swan::cli

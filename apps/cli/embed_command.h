#pragma once

#include "cli/arguments.h"

namespace swan::cli {

/// `swan embed`: writes what a text encoder makes of prompts, and reports.
/// @throws UsageError, Error
void run_embed(const EmbedArguments& arguments);

}  // namespace swan::cli

#pragma once

#include "cli/arguments.h"

namespace swan::cli {

/// `swan serve`: until SIGINT or SIGTERM. A second one ends the program at once.
/// @throws UsageError, Error
void run_serve(const ServeArguments& arguments);

}  // namespace swan::cli

#pragma once

#include "cli/arguments.h"
#include "cli/option_set.h"

namespace swan::cli {

/// What `swan serve` serves: --model and --lora, which may be repeated.
void add_served_models(OptionSet& options, ServeArguments& arguments);
/// Its other options of its own: network, queue, results, limits.
void add_serve_options(OptionSet& options, ServeArguments& arguments);

}  // namespace swan::cli

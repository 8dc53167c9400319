#pragma once

#include "cli/arguments.h"
#include "config/schema.h"

namespace swan::cli {

/// `swan config`: validate, show, schema, init.
/// @throws UsageError; Error for configurations that are wrong or cannot be read or written
void run_config(const ConfigCommandArguments& arguments, const config::Schema& schema);

}  // namespace swan::cli

#pragma once

#include "cli/arguments.h"

namespace swan::cli {

/// `swan pull`. @throws UsageError, Error
void run_pull(const PullArguments& arguments);

}  // namespace swan::cli

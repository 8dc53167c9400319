#pragma once

#include "cli/arguments.h"

namespace swan::cli {

/// `swan push`. @throws UsageError, Error
void run_push(const PushArguments& arguments);

}  // namespace swan::cli

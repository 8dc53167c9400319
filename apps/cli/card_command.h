#pragma once

#include "cli/arguments.h"

namespace swan::cli {

/// `swan card`. @throws UsageError, Error
void run_card(const CardArguments& arguments);

}  // namespace swan::cli

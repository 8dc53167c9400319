#pragma once

#include "cli/arguments.h"

namespace swan::cli {

/// `swan image`: makes the pictures, writes them and reports.
/// @throws UsageError, Error
void run_image(const ImageArguments& arguments);

}  // namespace swan::cli

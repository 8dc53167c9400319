#pragma once

#include <string>

#include "cli/arguments.h"

namespace swan::cli {

/// `swan info`. @return whether the model is complete  @throws Error when its index cannot be read
[[nodiscard]] bool run_info(const InfoArguments& arguments);

}  // namespace swan::cli

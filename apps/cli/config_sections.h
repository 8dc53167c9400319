#pragma once

#include <vector>

#include "config/schema.h"

namespace swan::cli {

/// The sections of a configuration, in the order in which they are shown.
[[nodiscard]] std::vector<config::Section> config_sections();

/// Keys that no option of `swan` has: `variables`, for references, and what other programs take.
[[nodiscard]] std::vector<config::Field> fields_without_options();

}  // namespace swan::cli

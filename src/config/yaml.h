#pragma once

#include <string>
#include <string_view>

#include "config/problems.h"
#include "config/value.h"

namespace swan::config {

/// Reads one YAML document as data: no tags but those of the core schema, no key twice, no more than limits.h allows.
/// @param origin    of every value, but for line and column
/// @param problems  gets what is wrong; what is left out for it is null
/// @return an empty map for an empty document
[[nodiscard]] Value read_yaml(std::string_view text, const Origin& origin, Problems& problems);

}  // namespace swan::config

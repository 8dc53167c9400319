#pragma once

#include <string>

#include "config/configuration.h"
#include "config/schema.h"

namespace swan::config {

/// The effective values as a file that gives the same again, sections and keys in the schema's order. Secrets are
/// "***".
/// @param origins  with what the layers were, and beside each value where it was written and what it replaced
[[nodiscard]] std::string to_yaml(const Configuration& configuration, const Schema& schema, bool origins);

/// The same as JSON; with origins each value is {"value": ..., "origin": ..., "overridden": [...]}.
[[nodiscard]] std::string to_json_text(const Configuration& configuration, const Schema& schema, bool origins);

}  // namespace swan::config

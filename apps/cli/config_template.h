#pragma once

#include <string>

#include "config/schema.h"

namespace swan::cli {

/// What `swan config init` writes: a file with every key in a comment, explained, which says nothing as it is.
[[nodiscard]] std::string config_template(const config::Schema& schema);

}  // namespace swan::cli

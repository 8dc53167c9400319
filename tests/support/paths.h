#pragma once

#include <string>

namespace swan::support {

/// The path of something in the project's tree, by its name from the root: "models/swan-emoji-256".
[[nodiscard]] std::string source_path(const std::string& name);

}  // namespace swan::support

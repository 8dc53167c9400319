#pragma once

#include <string>

namespace swan {

/// ASCII letters alone, whatever the locale.
[[nodiscard]] std::string in_lower_case(std::string text);

}  // namespace swan

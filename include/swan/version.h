#pragma once

#include "swan/export.h"

namespace swan {

/// "0.1.0"
[[nodiscard]] SWAN_API const char* version() noexcept;

}  // namespace swan

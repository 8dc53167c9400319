#pragma once

#include <cstddef>
#include <string_view>

namespace swan::config {

/// Where the first byte lies that is not part of well-formed UTF-8 (Unicode 15, table 3-7), or npos.
[[nodiscard]] size_t find_invalid_utf8(std::string_view text) noexcept;

}  // namespace swan::config

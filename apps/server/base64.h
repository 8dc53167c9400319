#pragma once

#include <string>
#include <string_view>

namespace swan::server {

/// RFC 4648's base64, with padding and without line ends.
[[nodiscard]] std::string base64(std::string_view bytes);

}  // namespace swan::server

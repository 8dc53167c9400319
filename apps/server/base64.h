#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace swan::server {

/// RFC 4648's base64, with padding and without line ends.
[[nodiscard]] std::string base64(std::string_view bytes);

/// The bytes; nothing where the text is not base64 with its padding. @param text  without line breaks
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace swan::server

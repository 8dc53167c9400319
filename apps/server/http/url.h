#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/request.h"

namespace swan::server {

/// "%41b" as "Ab". Nothing where an escape is no two hexadecimal digits.
/// @param query  a plus is a blank; of a path control characters are refused
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text, bool query);

/// "a=1&b" as {a: 1, b: ""}. Nothing where a name or value cannot be decoded.
[[nodiscard]] std::optional<Fields> parse_query(std::string_view text);

/// "/v1/a%20b" as {"v1", "a b"}; "/" as none. Nothing where it does not begin with a slash or cannot be decoded.
[[nodiscard]] std::optional<std::vector<std::string>> path_segments(std::string_view path);

}  // namespace swan::server

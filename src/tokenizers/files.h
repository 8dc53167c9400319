#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace swan::tokenizers {

/// The bytes of a file, or nothing when there is none.
/// @throws Error kCorruptFile when it is larger than `limit` bytes; kIo naming the path and the system's reason
[[nodiscard]] std::optional<std::string> read_file(const std::string& path, size_t limit);

/// @throws Error kCorruptFile naming the path and where the text stops being JSON
[[nodiscard]] nlohmann::json parse_json(std::string_view text, const std::string& path);

}  // namespace swan::tokenizers

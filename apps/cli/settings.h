#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace swan::cli {

/// The settings in a file of `swan image` or `swan video`, the JSON that a pipeline recorded.
/// @param command  "image" or "video": which of them is to repeat the file
/// @throws UsageError naming the other command when the file is one of its; Error when it cannot be read or carries no
///         settings
[[nodiscard]] std::string read_settings(const std::string& path, const std::string& command);

/// Settings with further keys of the program itself, which the library does not look at. Settings that are no JSON
/// object stay as they are.
[[nodiscard]] std::string with_settings(const std::string& settings, const nlohmann::ordered_json& further);

/// Settings as a JSON object; an empty one when they are none.
[[nodiscard]] nlohmann::ordered_json parse_settings(const std::string& settings);

}  // namespace swan::cli

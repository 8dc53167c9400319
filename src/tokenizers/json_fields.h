#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "tokenizers/definition.h"

namespace swan::tokenizers {

// Checked access to JSON values. Every error is kCorruptFile and names the file and the key.

/// A value as a message shows it: cut short, never with broken UTF-8.
[[nodiscard]] std::string shown(const nlohmann::json& value);

/// The value itself, once it is known to be an object or array.
const nlohmann::json& object_at(const nlohmann::json& value, const char* what, const std::string& path);
const nlohmann::json& array_at(const nlohmann::json& value, const char* what, const std::string& path);

/// The string under a key that must exist, or may be absent or null.
[[nodiscard]] std::string string_field(const nlohmann::json& object, const char* key, const std::string& path);
[[nodiscard]] std::string string_field_or(const nlohmann::json& object, const char* key, const std::string& fallback,
                                          const std::string& path);
/// Nothing when the key is absent or null.
[[nodiscard]] std::optional<bool> optional_bool_field(const nlohmann::json& object, const char* key,
                                                      const std::string& path);

/// A token id, at least 0 and at most kMaxTokenId.
[[nodiscard]] int32_t checked_id(const nlohmann::json& id, const char* what, const std::string& path);
/// An added token whose content is neither empty nor absurdly long.
[[nodiscard]] AddedToken checked_token(AddedToken token, const std::string& path);
/// Reads {"content": ..., "single_word": ..., "lstrip": ..., "rstrip": ..., "normalized": ...}.
[[nodiscard]] AddedToken read_added_token(const nlohmann::json& token, int32_t id, const std::string& path);

}  // namespace swan::tokenizers

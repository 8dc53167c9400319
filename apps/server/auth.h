#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/settings.h"

namespace swan::server {

/// Whether two texts are the same, in a time that tells nothing of where they differ. (Of their lengths it tells.)
[[nodiscard]] bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept;

/// Knows API keys.
class Authenticator {
 public:
  explicit Authenticator(std::vector<ApiKey> keys) : keys_(std::move(keys)) {}

  /// Whether requests need a key at all.
  [[nodiscard]] bool required() const noexcept { return !keys_.empty(); }
  /// Whose key it is. Every key is compared with, so that the time tells nothing of which one it is nearly.
  [[nodiscard]] std::optional<std::string> name_of(std::string_view key) const;
  /// The key of "Bearer KEY"; nothing of anything else.
  [[nodiscard]] static std::optional<std::string_view> bearer(const std::string* authorization);
  /// The password of "Basic base64(NAME:PASSWORD)", which is the key; nothing of anything else.
  [[nodiscard]] static std::optional<std::string> basic(const std::string* authorization);

 private:
  std::vector<ApiKey> keys_;
};

/// Reads keys, a line or an item each: "name:key" or "key"; '#' begins a comment. Names are [A-Za-z0-9_.-]{1,64}, keys
/// at least 16 visible ASCII characters. @param from  for messages, which never hold a key
/// @throws Error kInvalidArgument naming `from` and the line
[[nodiscard]] std::vector<ApiKey> parse_api_keys(const std::string& text, char separator, const std::string& from);

}  // namespace swan::server

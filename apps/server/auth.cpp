#include "server/auth.h"

#include <fmt/format.h>

#include <algorithm>

#include "server/base64.h"
#include "server/http/text.h"
#include "swan/error.h"

namespace swan::server {

bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  volatile unsigned char difference = 0;  // so that the loop cannot be left early
  for (size_t i = 0; i < a.size(); ++i) {
    difference =
        static_cast<unsigned char>(difference | (static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i])));
  }
  return difference == 0;
}

std::optional<std::string> Authenticator::name_of(std::string_view key) const {
  std::optional<std::string> name;
  for (const ApiKey& known : keys_) {
    if (equal_in_constant_time(known.key, key)) name = known.name;
  }
  return name;
}

namespace {
// What follows "Bearer " or "Basic ". @param scheme  in lower case, with its blank
std::optional<std::string_view> credentials(const std::string* authorization, std::string_view scheme) {
  if (authorization == nullptr || authorization->size() <= scheme.size()) return std::nullopt;
  const std::string_view text = *authorization;
  if (lower_case(text.substr(0, scheme.size())) != scheme) return std::nullopt;
  return trimmed(text.substr(scheme.size()));
}
}  // namespace

std::optional<std::string_view> Authenticator::bearer(const std::string* authorization) {
  return credentials(authorization, "bearer ");
}

std::optional<std::string> Authenticator::basic(const std::string* authorization) {
  const std::optional<std::string_view> encoded = credentials(authorization, "basic ");
  const std::optional<std::string> text = encoded ? decode_base64(*encoded) : std::nullopt;
  const size_t colon = text ? text->find(':') : std::string::npos;
  if (colon == std::string::npos || colon + 1 == text->size()) return std::nullopt;
  return text->substr(colon + 1);
}

std::vector<ApiKey> parse_api_keys(const std::string& text, char separator, const std::string& from) {
  constexpr size_t kLeast = 16;
  std::vector<ApiKey> keys;
  size_t line = 0;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(separator, at), text.size());
    std::string item = text.substr(at, end - at);
    at = end + 1;
    ++line;
    item = item.substr(0, item.find('#'));
    item.erase(0, item.find_first_not_of(" \t\r\n"));
    item.erase(item.find_last_not_of(" \t\r\n") + 1);
    if (item.empty()) continue;
    const size_t colon = item.find(':');
    ApiKey key = {.name = "default", .key = item};
    if (colon != std::string::npos) key = {.name = item.substr(0, colon), .key = item.substr(colon + 1)};
    const bool name_good =
        !key.name.empty() && key.name.size() <= 64 && std::all_of(key.name.begin(), key.name.end(), [](char c) {
          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
                 c == '.';
        });
    const bool key_good = key.key.size() >= kLeast &&
                          std::all_of(key.key.begin(), key.key.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    if (!name_good || !key_good) {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format("{}, entry {}: an API key is NAME:KEY or KEY, with a name of letters, digits, '_', '-' and "
                      "'.' and a key of at least {} visible ASCII characters; 'openssl rand -hex 24' makes one",
                      from, line, kLeast));
    }
    keys.push_back(std::move(key));
  }
  return keys;
}

}  // namespace swan::server

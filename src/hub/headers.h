#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace swan::hub {

/// Headers of an answer, by their names in lower case; of a repeated one the last, but of Link all, with commas.
using Headers = std::map<std::string, std::string, std::less<>>;

/// The value, or empty.
[[nodiscard]] std::string_view header(const Headers& headers, std::string_view name);

/// The name of the content behind an ETag: without W/ and quotes. Empty for what cannot be a file's name, or could be
/// that of a file beside a blob ("<etag>.swan.incomplete").
[[nodiscard]] std::string normalized_etag(std::string_view etag);

/// The address of rel="next" in a Link header, or empty.
[[nodiscard]] std::string next_link(std::string_view link);

/// "bytes 0-99/1000"
struct ContentRange {
  uint64_t begin = 0, end = 0;  ///< end is one past the last byte
  std::optional<uint64_t> size;
};
[[nodiscard]] std::optional<ContentRange> parse_content_range(std::string_view text);

/// A count of bytes; nothing for what is no number, or one beyond 2^53.
[[nodiscard]] std::optional<uint64_t> parse_size(std::string_view text);

/// How long a server asks to wait: Retry-After in seconds or as a date, else t= of RateLimit (draft
/// ietf-httpapi-ratelimit-headers, as the hub sends it). @param now  for dates
[[nodiscard]] std::optional<std::chrono::seconds> retry_after(const Headers& headers, std::time_t now);

}  // namespace swan::hub

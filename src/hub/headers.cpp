#include "hub/headers.h"

#include <algorithm>

namespace swan::hub {

namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string_view header(const Headers& headers, std::string_view name) {
  const auto it = headers.find(name);
  return it == headers.end() ? std::string_view() : std::string_view(it->second);
}

std::string normalized_etag(std::string_view etag) {
  etag = trimmed(etag);
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  while (etag.starts_with('"')) etag.remove_prefix(1);
  while (etag.ends_with('"')) etag.remove_suffix(1);
  constexpr size_t kLongest = 128;
  const bool plain = !etag.empty() && etag.size() <= kLongest && std::all_of(etag.begin(), etag.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  });
  return plain ? std::string(etag) : "";
}

std::string next_link(std::string_view link) {
  // <address>; rel="next", <address>; rel="prev"
  for (size_t at = 0; at < link.size();) {
    const size_t open = link.find('<', at);
    const size_t close = open == std::string_view::npos ? open : link.find('>', open);
    if (close == std::string_view::npos) break;
    const size_t end = std::min(link.find(",", close), link.size());
    const std::string_view parameters = link.substr(close + 1, end - close - 1);
    if (parameters.find("rel=\"next\"") != std::string_view::npos ||
        parameters.find("rel=next") != std::string_view::npos)
      return std::string(link.substr(open + 1, close - open - 1));
    at = end + 1;
  }
  return "";
}

std::optional<uint64_t> parse_size(std::string_view text) {
  constexpr uint64_t kMost = uint64_t{1} << 53U;
  text = trimmed(text);
  if (text.empty() || text.size() > 17) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  if (value > kMost) return std::nullopt;
  return value;
}

std::optional<ContentRange> parse_content_range(std::string_view text) {
  text = trimmed(text);
  constexpr std::string_view kUnit = "bytes ";
  if (!text.starts_with(kUnit)) return std::nullopt;
  text.remove_prefix(kUnit.size());
  const size_t dash = text.find('-'), slash = text.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || dash > slash) return std::nullopt;
  const auto begin = parse_size(text.substr(0, dash)), last = parse_size(text.substr(dash + 1, slash - dash - 1));
  const auto size = parse_size(text.substr(slash + 1));
  if (!begin || !last || *last < *begin) return std::nullopt;
  if (!size && trimmed(text.substr(slash + 1)) != "*") return std::nullopt;
  return ContentRange{.begin = *begin, .end = *last + 1, .size = size};
}

std::optional<std::chrono::seconds> retry_after(const Headers& headers, std::time_t now) {
  const std::string_view text = trimmed(header(headers, "retry-after"));
  if (const auto seconds = parse_size(text)) return std::chrono::seconds(*seconds);
  if (!text.empty()) {
    std::tm date{};
    const std::string copy(text);
    // The C locale's names of days and months, which Swan never changes.
    if (const char* end = strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date); end != nullptr && *end == '\0')
      return std::chrono::seconds(std::max<std::time_t>(timegm(&date) - now, 0));
  }
  // RateLimit: "api";r=0;t=55
  const std::string_view limit = header(headers, "ratelimit");
  const size_t reset = limit.find(";t=");
  if (reset == std::string_view::npos || limit.find(";r=0") == std::string_view::npos) return std::nullopt;
  const std::string_view rest = limit.substr(reset + 3);
  const auto seconds = parse_size(rest.substr(0, rest.find_first_of(";, ")));
  if (!seconds) return std::nullopt;
  return std::chrono::seconds(*seconds);
}

}  // namespace swan::hub

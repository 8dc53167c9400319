#include "server/http/range.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

namespace swan::server {

namespace {
std::optional<uint64_t> whole_number(std::string_view text) noexcept {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}
}  // namespace

RangeChoice choose_range(const std::string& range, uint64_t size) noexcept {
  constexpr std::string_view kUnit = "bytes=";
  std::string_view text = range;
  if (!text.starts_with(kUnit)) return {};
  text.remove_prefix(kUnit.size());
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return {};
  const std::string_view from = text.substr(0, dash);
  const std::string_view to = text.substr(dash + 1);
  const std::optional<uint64_t> first = whole_number(from);
  const std::optional<uint64_t> last = whole_number(to);
  if (from.empty()) {  // the last so many
    if (!last) return {};
    if (*last == 0 || size == 0) return {.kind = RangeChoice::Kind::kNone};
    const uint64_t length = std::min(*last, size);
    return {.kind = RangeChoice::Kind::kPart, .offset = size - length, .length = length};
  }
  if (!first || (!to.empty() && (!last || *last < *first))) return {};
  if (*first >= size) return {.kind = RangeChoice::Kind::kNone};
  const uint64_t end = last ? std::min(*last, size - 1) : size - 1;
  return {.kind = RangeChoice::Kind::kPart, .offset = *first, .length = end - *first + 1};
}

bool names_etag(const std::string& header, const std::string& etag) {
  return header == "*" || header.find(etag) != std::string::npos;
}

}  // namespace swan::server

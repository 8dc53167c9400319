#include "server/http/router.h"

#include <algorithm>
#include <optional>

#include "server/http/url.h"

namespace swan::server {

namespace {
std::optional<PathValues> values_of(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  if (pattern.size() != path.size()) return std::nullopt;
  PathValues values;
  for (size_t i = 0; i < path.size(); ++i) {
    if (pattern[i].starts_with('{')) {
      values[pattern[i].substr(1, pattern[i].size() - 2)] = path[i];
    } else if (pattern[i] != path[i]) {
      return std::nullopt;
    }
  }
  return values;
}
}  // namespace

void Router::add(const std::string& method, const std::string& path, Access access, RouteHandler handler) {
  entries_.push_back({{method, path, access, std::move(handler)}, path_segments(path).value()});
}

RouteMatch Router::match(const Request& request) const {
  RouteMatch found;
  const std::string& method = request.method == "HEAD" ? "GET" : request.method;
  for (const Entry& entry : entries_) {
    std::optional<PathValues> values = values_of(entry.segments, request.segments);
    if (!values) continue;
    found.allowed.push_back(entry.route.method);
    if (entry.route.method == "GET") found.allowed.emplace_back("HEAD");
    if (found.route == nullptr && entry.route.method == method) {
      found.route = &entry.route;
      found.values = std::move(*values);
    }
  }
  return found;
}

}  // namespace swan::server

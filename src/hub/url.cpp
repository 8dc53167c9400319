#include "hub/url.h"

#include <algorithm>

#include "core/text.h"

namespace swan::hub {

namespace {

int usual_port(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

// -1 for what is no port.
int parse_port(std::string_view text) {
  if (text.empty() || text.size() > 5) return -1;
  int port = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return -1;
    port = port * 10 + (c - '0');
  }
  return port >= 1 && port <= 65535 ? port : -1;
}

bool is_clean(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) > ' ' && c != '\x7f'; });
}

}  // namespace

std::string Url::authority() const { return host + (port == usual_port(scheme) ? "" : ":" + std::to_string(port)); }

std::string Url::place() const {
  std::string place = authority() + path;
  while (place.ends_with('/')) place.pop_back();
  return place;
}

std::optional<Url> parse_url(std::string_view text) {
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos || !is_clean(text)) return std::nullopt;
  Url url;
  url.scheme = in_lower_case(std::string(text.substr(0, colon)));
  if (url.scheme != "http" && url.scheme != "https") return std::nullopt;
  text.remove_prefix(colon + 3);
  const size_t end = std::min(text.find_first_of("/?#"), text.size());
  std::string_view authority = text.substr(0, end);
  url.path = text.substr(end, text.find('#', end) - end);
  if (url.path.empty() || url.path.front() != '/') url.path.insert(0, "/");
  if (authority.find('@') != std::string_view::npos || authority.find('\\') != std::string_view::npos)
    return std::nullopt;
  url.port = usual_port(url.scheme);
  const size_t bracket = authority.rfind(']');  // of an IPv6 address
  const size_t port = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (port != std::string_view::npos) {
    url.port = parse_port(authority.substr(port + 1));
    authority = authority.substr(0, port);
  }
  url.host = in_lower_case(std::string(authority));
  if (url.host.empty() || url.port < 0) return std::nullopt;
  return url;
}

std::optional<Url> resolve_url(const Url& base, std::string_view reference) {
  if (reference.find("://") != std::string_view::npos && reference.find("://") < reference.find_first_of("/?#"))
    return parse_url(reference);
  if (reference.starts_with("//")) return parse_url(base.scheme + ":" + std::string(reference));
  if (reference.starts_with('/')) return parse_url(base.origin() + std::string(reference));
  const std::string path = base.path.substr(0, base.path.find('?'));
  return parse_url(base.origin() + path.substr(0, path.rfind('/') + 1) + std::string(reference));
}

}  // namespace swan::hub

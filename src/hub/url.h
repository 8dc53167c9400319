#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace swan::hub {

/// An http or https address.
struct Url {
  std::string scheme;  ///< "https"
  std::string host;    ///< in lower case
  int port = 0;
  std::string path;  ///< from the '/' on, with the query; never empty

  /// Whether both are the same server, to which the same credentials may go.
  [[nodiscard]] bool same_origin(const Url& other) const {
    return scheme == other.scheme && host == other.host && port == other.port;
  }
  /// "host", with the port where it is not the usual one.
  [[nodiscard]] std::string authority() const;
  /// "https://host", with the port where it is not the usual one.
  [[nodiscard]] std::string origin() const { return scheme + "://" + authority(); }
  [[nodiscard]] std::string str() const { return origin() + path; }
  /// "host/path", without a '/' at its end: what addresses of a hub's pages begin with, whatever their scheme.
  [[nodiscard]] std::string place() const;
};

/// @return nothing for other schemes, for addresses with a user or password, and for what is no address
[[nodiscard]] std::optional<Url> parse_url(std::string_view text);

/// What a Location or Link header means that came from `base`: an address, or a path of the same server.
[[nodiscard]] std::optional<Url> resolve_url(const Url& base, std::string_view reference);

}  // namespace swan::hub

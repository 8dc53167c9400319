#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace swan::server {

/// Names and values in the order they came.
using Fields = std::vector<std::pair<std::string, std::string>>;

/// The first value of that name, or null.
[[nodiscard]] const std::string* find_field(const Fields& fields, std::string_view name) noexcept;

/// One HTTP request, checked as head.h says.
struct Request {
  std::string method;                 ///< "GET"
  std::string path;                   ///< as sent, without the query: "/v1/jobs"
  std::vector<std::string> segments;  ///< of the path, percent-decoded each: a %2F separates nothing
  Fields query;                       ///< percent-decoded
  Fields headers;                     ///< names in lower case, values without blanks around them
  std::string body;
  size_t content_length = 0;
  bool http_1_0 = false;
  bool keep_alive = true;
  bool expects_continue = false;

  std::string address;  ///< of the peer, "127.0.0.1"
  /// Whether the client has hung up, for handlers that wait. Valid while the handler runs.
  std::function<bool()> client_gone;

  // What the service adds before a handler sees it.
  std::string id;      ///< X-Request-Id
  std::string client;  ///< whom to be fair to: a key's name or an address
  std::string route;   ///< the path as it was added to the router: "/v1/jobs/{job_id}"; empty: none

  [[nodiscard]] const std::string* header(std::string_view name) const noexcept { return find_field(headers, name); }
  [[nodiscard]] const std::string* parameter(std::string_view name) const noexcept { return find_field(query, name); }
};

}  // namespace swan::server

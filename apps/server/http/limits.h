#pragma once

#include <chrono>
#include <cstddef>

namespace swan::server {

/// Of one request, before anything is known of who sent it.
struct HeadLimits {
  size_t bytes = 16384;  ///< request line and headers together
  size_t target = 2048;  ///< path and query
  size_t fields = 64;    ///< headers
};

/// What one client can cost at most.
struct HttpLimits {
  HeadLimits head = {};
  size_t body_bytes = size_t{1} << 20;
  int connections = 256;                         ///< at a time; each has a thread
  int connections_of_one_address = 128;          ///< other than loopback's, where a proxy may stand for many
  std::chrono::milliseconds head_time{10'000};   ///< for a whole head, from its first byte
  std::chrono::milliseconds body_time{30'000};   ///< for a whole body
  std::chrono::milliseconds idle_time{20'000};   ///< between requests
  std::chrono::milliseconds write_time{20'000};  ///< for an answer or an event; files get a second more for each 16 KiB
};

}  // namespace swan::server

#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "server/http/clock.h"

namespace swan::server {

/// A token bucket for each client: `burst` at once, then `per_minute` on average. Thread-safe; remembers a bounded
/// number of clients, those whose buckets are full being forgotten first.
class RateLimit {
 public:
  /// @param per_minute  0: no limit
  RateLimit(double per_minute, double burst) : per_minute_(per_minute), burst_(burst) {}

  /// Takes a token. @return nothing if there was one, else after how many seconds there is
  [[nodiscard]] std::optional<int> take(const std::string& client, Clock::time_point now = Clock::now());
  /// Whether a token is there, without taking it; as take.
  [[nodiscard]] std::optional<int> look(const std::string& client, Clock::time_point now = Clock::now());

 private:
  struct Bucket {
    double tokens = 0;
    Clock::time_point filled;
  };
  Bucket& bucket(const std::string& client, Clock::time_point now);
  [[nodiscard]] std::optional<int> wait_for(const Bucket& bucket) const;

  const double per_minute_, burst_;
  std::mutex mutex_;
  std::map<std::string, Bucket> buckets_;
};

}  // namespace swan::server

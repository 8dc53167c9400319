#include "server/rate_limit.h"

#include <algorithm>
#include <cmath>

namespace swan::server {

namespace {
constexpr size_t kMostClients = 10'000;
}

RateLimit::Bucket& RateLimit::bucket(const std::string& client, Clock::time_point now) {
  const double a_second = per_minute_ / 60;
  const auto filled = [&](const Bucket& b) {
    return std::min(burst_, b.tokens + std::chrono::duration<double>(now - b.filled).count() * a_second);
  };
  auto found = buckets_.find(client);
  if (found == buckets_.end()) {
    if (buckets_.size() >= kMostClients) {
      std::erase_if(buckets_, [&](const auto& entry) { return filled(entry.second) >= burst_; });
      if (buckets_.size() >= kMostClients) buckets_.erase(buckets_.begin());
    }
    found = buckets_.emplace(client, Bucket{.tokens = burst_, .filled = now}).first;
  }
  found->second = {.tokens = filled(found->second), .filled = now};
  return found->second;
}

std::optional<int> RateLimit::wait_for(const Bucket& bucket) const {
  if (bucket.tokens >= 1) return std::nullopt;
  return std::max(1, static_cast<int>(std::ceil((1 - bucket.tokens) * 60 / per_minute_)));
}

std::optional<int> RateLimit::look(const std::string& client, Clock::time_point now) {
  if (per_minute_ <= 0) return std::nullopt;
  const std::lock_guard lock(mutex_);
  return wait_for(bucket(client, now));
}

std::optional<int> RateLimit::take(const std::string& client, Clock::time_point now) {
  if (per_minute_ <= 0) return std::nullopt;
  const std::lock_guard lock(mutex_);
  Bucket& taken = bucket(client, now);
  if (const std::optional<int> seconds = wait_for(taken)) return seconds;
  taken.tokens -= 1;
  return std::nullopt;
}

}  // namespace swan::server

#pragma once

#include <chrono>

namespace swan::server {

/// For deadlines and durations; see job.h for times of day.
using Clock = std::chrono::steady_clock;

}  // namespace swan::server

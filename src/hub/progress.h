#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <utility>

#include "swan/hub.h"

namespace swan::hub {

/// Counts what several threads transfer and tells the caller, ten times a second at most.
class ProgressMeter {
 public:
  /// @param callbacks  live as long
  ProgressMeter(const HubCallbacks& callbacks, std::string stage, int files, uint64_t bytes);

  void stage(const std::string& name, const std::string& file);
  void begin_file(const std::string& file);
  void end_file();
  /// Bytes that are there without having been transferred now; they do not count for the rate.
  void add_present(uint64_t bytes);
  void add(uint64_t bytes);
  /// Bytes that were counted and are to come again.
  void subtract(uint64_t bytes);
  void waiting(const std::string& why);
  /// Tells once more, whatever the time.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  void tell(bool now);

  const HubCallbacks& callbacks_;
  std::mutex mutex_;
  HubProgress state_;
  uint64_t transferred_ = 0;
  std::deque<std::pair<Clock::time_point, uint64_t>> samples_;
  Clock::time_point told_{};
};

}  // namespace swan::hub

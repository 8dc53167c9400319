#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace swan::server {

/// An event of a job, as listeners get it.
struct Event {
  uint64_t id = 0;
  std::string name;  ///< "progress"
  std::string data;  ///< JSON on one line
};

/// What happened to one job so far. Of each name the latest is kept, so that it stays small however long a job runs and
/// however slow its listeners are: they miss steps, never the end. Writing never waits for a listener. Thread-safe.
class EventLog {
 public:
  void add(const std::string& name, std::string data);
  /// The last event; nothing is added after it.
  void close(const std::string& name, std::string data);

  struct News {
    std::vector<Event> events;  ///< after the id asked for, oldest first
    bool closed = false;        ///< nothing will come after them
  };
  /// What came after event `id` (0: all; so is an id that this log has not given yet), waiting for it at most so long.
  [[nodiscard]] News wait(uint64_t id, std::chrono::milliseconds most) const;

 private:
  void put(const std::string& name, std::string data);

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<Event> events_;
  uint64_t last_ = 0;
  bool closed_ = false;
};

}  // namespace swan::server

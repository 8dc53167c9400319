#pragma once

#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <string>
#include <vector>

#include "server/job.h"

namespace swan::server {

/// Jobs that wait, in a line for each client. Clients take turns, so that one with a hundred jobs delays another's by
/// one; within a line the first comes first. Thread-safe.
class JobQueue {
 public:
  JobQueue(int most, int most_of_one_client) : most_(most), most_of_one_client_(most_of_one_client) {}

  enum class Push { kTaken, kFull, kClientFull, kClosed };
  [[nodiscard]] Push push(const JobPointer& job);
  /// Takes the next job, waiting for one, and with it those of any client that can be computed together with it (see
  /// same_shape), in the order of their turns, as long as they make at most `most_pictures`.
  /// @return none: the queue is closed and empty
  [[nodiscard]] std::vector<JobPointer> pop(int most_pictures);
  /// Takes one job out. @return whether it was there
  bool remove(const Job& job);
  /// Nothing is pushed any more. @return what was waiting, which is for the caller to answer
  std::vector<JobPointer> close();

  [[nodiscard]] int size() const;
  [[nodiscard]] int clients() const;

 private:
  struct Line {
    std::string client;
    std::deque<JobPointer> jobs;
  };

  [[nodiscard]] std::vector<JobPointer> in_order() const;
  void take_out(const Job& job);
  void announce_positions() const;

  const int most_, most_of_one_client_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Line> lines_;  ///< none is empty; the first is whose turn it is
  int size_ = 0;
  bool closed_ = false;
};

}  // namespace swan::server

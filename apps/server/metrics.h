#pragma once

#include <functional>
#include <memory>
#include <string>

#include "server/job.h"

namespace swan::server {

/// What is looked up when metrics are asked for.
struct Gauges {
  int queued = 0, waiting_clients = 0, running = 0, models_open = 0, connections = 0, streams = 0;
  size_t stored_jobs = 0;
  uint64_t stored_bytes = 0;
  bool ready = true;
};

/// Counts for Prometheus. Thread-safe.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// @param route  a route's path as it was added, so that their number is bounded; empty: none
  void request(const std::string& method, const std::string& route, int status, double seconds, uint64_t bytes);
  void job(Kind kind, const JobState& state, double created_at);
  void batch(int jobs);
  void model_opened();
  void model_evicted();
  void refused(const char* reason);

  /// Prometheus' text format, version 0.0.4.
  [[nodiscard]] std::string text(const Gauges& gauges);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace swan::server

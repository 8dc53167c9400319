#include "server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

namespace swan::server {

namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;

const prometheus::Histogram::BucketBoundaries kRequestSeconds = {0.001, 0.01, 0.1, 1, 10, 60, 300, 1800};
const prometheus::Histogram::BucketBoundaries kJobSeconds = {0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600};
const prometheus::Histogram::BucketBoundaries kBatchSizes = {1, 2, 4, 8, 16};

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double total = 0;
  double resident = 0;
  file >> total >> resident;
  return file ? resident * static_cast<double>(sysconf(_SC_PAGESIZE)) : 0;
}

double cpu_seconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

struct Metrics::State {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& requests =
      BuildCounter().Name("swan_http_requests_total").Help("Answers, by route and status").Register(registry);
  prometheus::Family<prometheus::Histogram>& request_seconds =
      BuildHistogram().Name("swan_http_request_seconds").Help("From a request's head to its answer").Register(registry);
  prometheus::Counter& sent_bytes =
      BuildCounter().Name("swan_http_sent_bytes_total").Help("Bytes of bodies sent").Register(registry).Add({});
  prometheus::Family<prometheus::Counter>& refused = BuildCounter()
                                                         .Name("swan_refused_total")
                                                         .Help("Requests refused before they became jobs, by reason")
                                                         .Register(registry);
  prometheus::Family<prometheus::Counter>& jobs =
      BuildCounter().Name("swan_jobs_total").Help("Finished jobs, by kind and status").Register(registry);
  prometheus::Family<prometheus::Histogram>& wait_seconds =
      BuildHistogram().Name("swan_job_wait_seconds").Help("Jobs' time in the queue").Register(registry);
  prometheus::Family<prometheus::Histogram>& run_seconds =
      BuildHistogram().Name("swan_job_run_seconds").Help("Jobs' time from start to result").Register(registry);
  prometheus::Histogram& batch_jobs =
      BuildHistogram().Name("swan_batch_jobs").Help("Jobs computed together").Register(registry).Add({}, kBatchSizes);
  prometheus::Counter& opened =
      BuildCounter().Name("swan_model_opens_total").Help("Models opened").Register(registry).Add({});
  prometheus::Counter& evicted =
      BuildCounter().Name("swan_model_evictions_total").Help("Models closed for others").Register(registry).Add({});

  prometheus::Gauge& gauge(const char* name, const char* help) {
    return BuildGauge().Name(name).Help(help).Register(registry).Add({});
  }
  prometheus::Gauge& queued = gauge("swan_queue_jobs", "Jobs that wait");
  prometheus::Gauge& clients = gauge("swan_queue_clients", "Clients whose jobs wait");
  prometheus::Gauge& running = gauge("swan_jobs_running", "Jobs that are computed");
  prometheus::Gauge& models = gauge("swan_models_open", "Models that are open");
  prometheus::Gauge& connections = gauge("swan_http_connections", "Open connections");
  prometheus::Gauge& streams = gauge("swan_event_streams", "Listeners to events");
  prometheus::Gauge& stored_jobs = gauge("swan_results_jobs", "Jobs whose results are on disk");
  prometheus::Gauge& stored_bytes = gauge("swan_results_bytes", "Bytes of results on disk");
  prometheus::Gauge& ready = gauge("swan_ready", "1 while jobs are taken");
  prometheus::Gauge& resident = gauge("process_resident_memory_bytes", "Resident memory");
  prometheus::Counter& cpu =
      BuildCounter().Name("process_cpu_seconds_total").Help("Processor time used").Register(registry).Add({});
  prometheus::Gauge& start = gauge("process_start_time_seconds", "Unix time of the start");
};

Metrics::Metrics() : state_(std::make_unique<State>()) { state_->start.Set(unix_time()); }
Metrics::~Metrics() = default;

void Metrics::request(const std::string& method, const std::string& route, int status, double seconds, uint64_t bytes) {
  const std::string label = route.empty() ? "none" : route;
  state_->requests.Add({{"method", method}, {"route", label}, {"status", std::to_string(status)}}).Increment();
  state_->request_seconds.Add({{"route", label}}, kRequestSeconds).Observe(seconds);
  state_->sent_bytes.Increment(static_cast<double>(bytes));
}

void Metrics::job(Kind kind, const JobState& state, double created_at) {
  state_->jobs.Add({{"kind", kind_name(kind)}, {"status", status_name(state.status)}}).Increment();
  if (state.started_at <= 0) return;
  state_->wait_seconds.Add({{"kind", kind_name(kind)}}, kJobSeconds).Observe(state.started_at - created_at);
  state_->run_seconds.Add({{"kind", kind_name(kind)}}, kJobSeconds).Observe(state.finished_at - state.started_at);
}

void Metrics::batch(int jobs) { state_->batch_jobs.Observe(jobs); }
void Metrics::model_opened() { state_->opened.Increment(); }
void Metrics::model_evicted() { state_->evicted.Increment(); }
void Metrics::refused(const char* reason) { state_->refused.Add({{"reason", reason}}).Increment(); }

std::string Metrics::text(const Gauges& gauges) {
  state_->queued.Set(gauges.queued);
  state_->clients.Set(gauges.waiting_clients);
  state_->running.Set(gauges.running);
  state_->models.Set(gauges.models_open);
  state_->connections.Set(gauges.connections);
  state_->streams.Set(gauges.streams);
  state_->stored_jobs.Set(static_cast<double>(gauges.stored_jobs));
  state_->stored_bytes.Set(static_cast<double>(gauges.stored_bytes));
  state_->ready.Set(gauges.ready ? 1 : 0);
  state_->resident.Set(resident_bytes());
  state_->cpu.Increment(cpu_seconds() - state_->cpu.Value());  // what is negative is passed over
  return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

}  // namespace swan::server

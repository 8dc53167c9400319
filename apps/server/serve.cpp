#include "server/serve.h"

#include <fmt/format.h>
#include <unistd.h>

#include <thread>

#include "server/app.h"
#include "swan/version.h"

namespace swan::server {

namespace {

constexpr std::chrono::milliseconds kLook{50};
// For answers that are on their way when nothing is left to compute.
constexpr std::chrono::seconds kLastAnswers{5};

// The library's messages, as lines of our log while it is there.
class EngineLog {
 public:
  explicit EngineLog(Log& log) {
    set_log_sink([&log](LogLevel level, const std::string& message) {
      log.write(level, "engine", {{"message", message}});
    });
  }
  ~EngineLog() { set_log_sink({}); }
  EngineLog(const EngineLog&) = delete;
  EngineLog& operator=(const EngineLog&) = delete;
};

}  // namespace

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host == "[::1]" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos);
}

void serve(const ServerSettings& settings, const std::atomic<bool>& stop, LogLevel log_level,
           const std::function<void(const std::string& url)>& ready) {
  Log log(STDERR_FILENO, log_level);
  const EngineLog engine_log(log);
  Metrics metrics;
  ResultStore store(settings.data_dir, settings.result_ttl, settings.result_bytes);
  ModelPool models(settings.models, settings.loras, settings.load, settings.models_memory,
                   {.opened =
                        [&](const std::string& name) {
                          metrics.model_opened();
                          log.write(LogLevel::kInfo, "model_opened", {{"model", name}});
                        },
                    .evicted =
                        [&](const std::string& name) {
                          metrics.model_evicted();
                          log.write(LogLevel::kInfo, "model_evicted", {{"model", name}});
                        }});
  Jobs jobs(settings, models, store, metrics, log);
  RateLimit submissions(settings.rate_limit, std::max(1.0, settings.rate_limit / 2));
  StreamSlots streams(settings.max_streams);
  Services services = {.settings = settings,
                       .jobs = jobs,
                       .models = models,
                       .store = store,
                       .metrics = metrics,
                       .submissions = submissions,
                       .streams = streams,
                       .started_at = unix_time()};
  App app(settings, services, log);
  HttpServer http(app, settings.http);
  services.connections = [&http] { return http.connections(); };
  const int port = http.listen(settings.host, settings.port);
  http.start();
  const std::string host = settings.host.find(':') == std::string::npos ? settings.host : "[" + settings.host + "]";
  const std::string url = fmt::format("http://{}:{}", host, port);
  log.write(LogLevel::kInfo, "listening",
            {{"url", url}, {"version", version()}, {"api_keys", settings.api_keys.size()}, {"results", store.jobs()}});
  ready(url);

  while (!stop) std::this_thread::sleep_for(kLook);
  log.write(LogLevel::kInfo, "stopping", {{"running", jobs.gauges().running}, {"queued", jobs.gauges().queued}});
  jobs.drain();
  http.stop(kLastAnswers);
  log.write(LogLevel::kInfo, "stopped");
}

}  // namespace swan::server

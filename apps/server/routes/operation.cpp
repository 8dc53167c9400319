// /healthz, /readyz, /metrics and /openapi.json

#include "server/openapi.h"
#include "server/services.h"
#include "swan/version.h"

namespace swan::server {

void add_operation_routes(Router& router, Services& services) {
  router.add("GET", "/healthz", Access::kOpen, [&services](const Request&, const PathValues&) {
    return json_response(
        {{"status", "ok"}, {"version", version()}, {"uptime_seconds", unix_time() - services.started_at}});
  });
  router.add("GET", "/readyz", Access::kOpen, [&services](const Request&, const PathValues&) {
    if (services.jobs.draining()) return json_response({{"status", "stopping"}}, 503);
    return json_response({{"status", "ready"}});
  });
  router.add("GET", "/metrics", Access::kKey, [&services](const Request&, const PathValues&) {
    Gauges gauges = services.jobs.gauges();
    gauges.streams = services.streams.taken();
    gauges.connections = services.connections ? services.connections() : 0;
    Response response = {.body = services.metrics.text(gauges)};
    response.with("Content-Type", "text/plain; version=0.0.4; charset=utf-8").with("Cache-Control", "no-store");
    return response;
  });
  const auto document =
      std::make_shared<const std::string>(openapi_document(services.settings, services.models).dump());
  router.add("GET", "/openapi.json", Access::kOpen, [document](const Request&, const PathValues&) {
    Response response = {.body = *document};
    response.with("Content-Type", "application/json").with("Cache-Control", "no-store");
    return response;
  });
}

}  // namespace swan::server

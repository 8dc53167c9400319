// /v1/jobs and /v1/results

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "server/api_error.h"
#include "server/job_json.h"
#include "server/request_reader.h"
#include "server/services.h"

namespace swan::server {

namespace {

constexpr std::chrono::seconds kKeepAlive{15};

Response job_response(const JobPointer& job, int status = 200) {
  return json_response(job_json(*job, job->state()), status);
}

Response create_job(Services& services, const Request& request) {
  JobRequest job = read_job(json_body(request), services.settings);
  complete(job, services.settings, services.models);
  const JobPointer queued = submit(services, request, std::move(job));
  Response response = job_response(queued, 202);
  response.with("Location", "/v1/jobs/" + queued->id);
  return response;
}

Response list_jobs(Services& services, const Request& request) {
  refuse_other_parameters(request, {"limit", "after", "kind", "status"});
  const std::string* kind = query_choice(request, "kind", {"image", "video"});
  const std::string* status =
      query_choice(request, "status", {"queued", "running", "succeeded", "failed", "cancelled"});
  std::vector<JobPointer> jobs = services.jobs.list(request.client);
  std::erase_if(jobs, [&](const JobPointer& job) {
    return (kind != nullptr && *kind != kind_name(job->request.kind)) ||
           (status != nullptr && *status != status_name(job->status()));
  });
  const Page page = page_of(jobs, request);
  nlohmann::json data = nlohmann::json::array();
  for (const JobPointer& job : page.jobs) data.push_back(job_json(*job, job->state()));
  return json_response({{"object", "list"},
                        {"first_id", page.jobs.empty() ? nlohmann::json() : nlohmann::json(page.jobs.front()->id)},
                        {"last_id", page.jobs.empty() ? nlohmann::json() : nlohmann::json(page.jobs.back()->id)},
                        {"has_more", page.has_more},
                        {"data", std::move(data)}});
}

// Writes events until the last, or until nobody listens. Never holds the job up: the log keeps the latest of each kind.
void stream_events(const Job& job, uint64_t after, StreamWriter& writer) {
  if (!writer.write("retry: 2000\n\n")) return;
  auto last_write = Clock::now();
  while (!writer.gone()) {
    const EventLog::News news = job.events().wait(after, std::chrono::milliseconds(500));
    for (const Event& event : news.events) {
      if (!writer.write(fmt::format("id: {}\nevent: {}\ndata: {}\n\n", event.id, event.name, event.data))) return;
      after = event.id;
      last_write = Clock::now();
    }
    if (news.closed) return;
    if (Clock::now() - last_write >= kKeepAlive) {
      if (!writer.write(": keep-alive\n\n")) return;
      last_write = Clock::now();
    }
  }
}

Response events(Services& services, const Request& request, const JobPointer& job) {
  refuse_other_parameters(request, {"token"});
  uint64_t after = 0;
  if (const std::string* id = request.header("last-event-id")) {
    const auto [end, error] = std::from_chars(id->data(), id->data() + id->size(), after);
    if (error != std::errc() || end != id->data() + id->size()) {
      throw ApiError(400, "invalid_value", "Last-Event-ID must be the id of an event, a whole number", "Last-Event-ID");
    }
  }
  const std::shared_ptr<void> slot = services.streams.take(request.client);
  if (!slot) {
    services.metrics.refused("streams");
    throw ApiError(503, "too_many_streams", "too many listeners to events; close some, or ask for the job instead")
        .retry_in(5);
  }
  Response response;
  response.with("Content-Type", "text/event-stream")
      .with("Cache-Control", "no-store")
      .with("X-Accel-Buffering", "no");  // nginx would collect events otherwise
  response.stream = [job, after, slot](StreamWriter& writer) { stream_events(*job, after, writer); };
  return response;
}

Response result(Services& services, const Request& request, const PathValues& path) {
  refuse_other_parameters(request, {"token", "download"});
  const std::string& text = path.at("index");
  size_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    throw ApiError(404, "result_not_found", "a result's number is a whole number from 0");
  }
  const std::string* download = query_choice(request, "download", {"0", "1"});
  const JobPointer job = find_job(services, request, path.at("job_id"), Access::kKeyOrToken);
  return result_response(services, request, job, index, download != nullptr && *download == "1");
}

}  // namespace

void add_job_routes(Router& router, Services& services) {
  const auto job_of = [&services](const Request& request, const PathValues& path) {
    return find_job(services, request, path.at("job_id"));
  };
  router.add("POST", "/v1/jobs", Access::kKey,
             [&services](const Request& request, const PathValues&) { return create_job(services, request); });
  router.add("GET", "/v1/jobs", Access::kKey,
             [&services](const Request& request, const PathValues&) { return list_jobs(services, request); });
  router.add("GET", "/v1/jobs/{job_id}", Access::kKey,
             [job_of](const Request& request, const PathValues& path) { return job_response(job_of(request, path)); });
  router.add("DELETE", "/v1/jobs/{job_id}", Access::kKey,
             [&services, job_of](const Request& request, const PathValues& path) {
               const JobPointer job = job_of(request, path);
               services.jobs.remove(job);
               return json_response({{"id", job->id}, {"object", "job.deleted"}, {"deleted", true}});
             });
  router.add("POST", "/v1/jobs/{job_id}/cancel", Access::kKey,
             [&services, job_of](const Request& request, const PathValues& path) {
               const JobPointer job = job_of(request, path);
               services.jobs.cancel(job, "its client cancelled it");
               return job_response(job);
             });
  router.add("GET", "/v1/jobs/{job_id}/events", Access::kKeyOrToken,
             [&services](const Request& request, const PathValues& path) {
               return events(services, request, find_job(services, request, path.at("job_id"), Access::kKeyOrToken));
             });
  router.add("GET", "/v1/results/{job_id}/{index}", Access::kKeyOrToken,
             [&services](const Request& request, const PathValues& path) { return result(services, request, path); });
}

}  // namespace swan::server

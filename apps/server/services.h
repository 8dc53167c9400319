#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "server/api_error.h"
#include "server/http/router.h"
#include "server/jobs.h"
#include "server/rate_limit.h"

namespace swan::server {

/// Counts listeners to events, each of which holds a connection's thread: so many in all, half of them for one client.
class StreamSlots {
 public:
  explicit StreamSlots(int most) : most_(most) {}
  /// A place, held until the last copy is gone; null where there is none.
  [[nodiscard]] std::shared_ptr<void> take(const std::string& client);
  [[nodiscard]] int taken() const;

 private:
  const int most_;
  mutable std::mutex mutex_;
  int taken_ = 0;
  std::map<std::string, int> of_client_;
};

/// What routes work on.
struct Services {
  const ServerSettings& settings;
  Jobs& jobs;
  ModelPool& models;
  ResultStore& store;
  Metrics& metrics;
  RateLimit& submissions;
  StreamSlots& streams;
  const double started_at;                     ///< Unix time
  std::function<int()> connections = nullptr;  ///< how many are open
};

/// Queues a job for a request's client. @throws ApiError 429, 503
[[nodiscard]] JobPointer submit(Services& services, const Request& request, JobRequest job);
/// Waits for it; cancels it where the client hangs up. @return its state, succeeded
/// @throws ApiError as it failed
[[nodiscard]] JobState wait_for(Services& services, const Request& request, const JobPointer& job);
/// 404, for a job that is not there or is not this client's.
[[nodiscard]] ApiError no_such_job();
/// A job that the client may see: its own; where a route lets tokens in, also one whose token it has.
/// @throws ApiError 404
[[nodiscard]] JobPointer find_job(Services& services, const Request& request, const std::string& id,
                                  Access access = Access::kKey);

/// A JSON answer that nobody may keep.
[[nodiscard]] Response json_response(const nlohmann::json& json, int status = 200);
/// A file of a finished job: the whole, or the part that a Range asks for. @param download  to be saved, not shown
[[nodiscard]] Response result_response(Services& services, const Request& request, const JobPointer& job, size_t index,
                                       bool download);
/// "http://127.0.0.1:7860" before a path, as the client called us.
[[nodiscard]] std::string absolute_url(const Services& services, const Request& request, const std::string& path);
/// Its bytes. @throws Error
[[nodiscard]] std::string result_bytes(Services& services, const JobPointer& job, const JobResult& result);

/// The page of a list that `limit` and `after` of the query choose: fewer where their prompts are so long that it would
/// be more than about a megabyte, and one at least.
struct Page {
  std::vector<JobPointer> jobs;
  bool has_more = false;
};
/// @throws ApiError 400, 404
[[nodiscard]] Page page_of(const std::vector<JobPointer>& jobs, const Request& request);
/// A parameter of the query that is one of these words, if it is there. @throws ApiError 400
[[nodiscard]] const std::string* query_choice(const Request& request, const char* name,
                                              const std::vector<std::string>& choices);

/// For routes whose query has parameters: a typing error shall not look like an answer. @throws ApiError 400 naming one
/// that is not among these
void refuse_other_parameters(const Request& request, const std::vector<std::string>& known);

// One file each in routes/.
void add_job_routes(Router& router, Services& services);
void add_model_routes(Router& router, Services& services);
void add_openai_image_routes(Router& router, Services& services);
void add_openai_video_routes(Router& router, Services& services);
void add_sdapi_routes(Router& router, Services& services);
void add_operation_routes(Router& router, Services& services);
void add_page_routes(Router& router);

}  // namespace swan::server

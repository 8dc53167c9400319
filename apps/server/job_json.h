#pragma once

#include <nlohmann/json.hpp>

#include "server/job.h"

namespace swan::server {

/// As the OpenAPI document's Job has it.
[[nodiscard]] nlohmann::json job_json(const Job& job, const JobState& state);
[[nodiscard]] nlohmann::json progress_json(const JobProgress& progress);
/// Of result `index`, relative to the server.
[[nodiscard]] std::string result_url(const Job& job, size_t index);

/// The request as /v1/jobs takes it, without what it does not say.
[[nodiscard]] nlohmann::json request_json(const JobRequest& request);

/// What of a finished job is kept on disk, and back. @throws nlohmann::json::exception for anything else
[[nodiscard]] nlohmann::json record_json(const Job& job, const JobState& state);
[[nodiscard]] JobPointer read_record(const nlohmann::json& record, std::chrono::seconds ttl);

}  // namespace swan::server

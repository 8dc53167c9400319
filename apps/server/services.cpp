#include "server/services.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "server/api_error.h"
#include "server/auth.h"
#include "server/http/range.h"
#include "server/random.h"
#include "swan/error.h"

namespace swan::server {

std::shared_ptr<void> StreamSlots::take(const std::string& client) {
  const std::lock_guard lock(mutex_);
  if (taken_ >= most_ || of_client_[client] >= std::max(1, most_ / 2)) return nullptr;
  ++taken_;
  ++of_client_[client];
  return {static_cast<void*>(this), [this, client](void*) {
            const std::lock_guard release(mutex_);
            --taken_;
            if (--of_client_[client] <= 0) of_client_.erase(client);
          }};
}

int StreamSlots::taken() const {
  const std::lock_guard lock(mutex_);
  return taken_;
}

JobPointer submit(Services& services, const Request& request, JobRequest job) {
  if (const std::optional<int> seconds = services.submissions.take(request.client)) {
    services.metrics.refused("rate_limit");
    throw ApiError(
        429, "rate_limit_exceeded",
        fmt::format("more than {:g} jobs a minute; try again in {} s", services.settings.rate_limit, *seconds))
        .retry_in(*seconds);
  }
  return services.jobs.submit(std::move(job), request.client, request.id);
}

JobState wait_for(Services& services, const Request& request, const JobPointer& job) {
  constexpr std::chrono::milliseconds kLook{200};
  while (!job->wait_finished(kLook)) {
    if (!request.client_gone()) continue;
    services.jobs.cancel(job, "its client hung up");
    throw ApiError(499, "client_closed_request", "the client hung up");
  }
  JobState state = job->state();
  if (state.error) {
    ApiError error(state.error->status, state.error->code, state.error->message);
    if (state.error->status == 503) error.retry_in(10);
    throw error;
  }
  return state;
}

ApiError no_such_job() {
  return {404, "job_not_found", "there is no such job, or it is another client's, or it has expired"};
}

JobPointer find_job(Services& services, const Request& request, const std::string& id, Access access) {
  JobPointer job = is_job_id(id) ? services.jobs.find(id) : nullptr;
  if (job) {
    const std::string* token = access == Access::kKeyOrToken ? request.parameter("token") : nullptr;
    if (job->owner == request.client || (token != nullptr && equal_in_constant_time(job->token, *token))) return job;
  }
  throw no_such_job();
}

Response json_response(const nlohmann::json& json, int status) {
  Response response = {.status = status, .body = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
  response.with("Content-Type", "application/json").with("Cache-Control", "no-store");
  return response;
}

Response result_response(Services& services, const Request& request, const JobPointer& job, size_t index,
                         bool download) {
  const JobState state = job->state();
  if (index >= state.results.size()) {
    throw ApiError(404, "result_not_found",
                   state.status == Status::kSucceeded
                       ? fmt::format("the job has {} results, counted from 0", state.results.size())
                       : fmt::format("the job has no results; it is {}", status_name(state.status)));
  }
  const JobResult& result = state.results[index];
  std::shared_ptr<const OpenFile> file;
  try {
    file = services.store.open(job->id, result.file);
  } catch (const Error&) {
    throw ApiError(404, "result_not_found", "the result has expired");
  }
  Response response;
  const std::string etag = fmt::format("\"{}-{}\"", job->id, index);
  response.with("ETag", etag)
      .with("Accept-Ranges", "bytes")
      .with("Cache-Control", "private, max-age=31536000, immutable")
      .with("Content-Type", result.content_type)
      .with("Content-Disposition",
            fmt::format("{}; filename=\"swan-{}-{}\"", download ? "attachment" : "inline", job->id, result.file));
  if (const std::string* known = request.header("if-none-match"); known != nullptr && names_etag(*known, etag)) {
    response.status = 304;
    return response;
  }
  response.length = file->size();
  const std::string* range = request.header("range");
  const std::string* if_range = request.header("if-range");
  if (range != nullptr && (if_range == nullptr || *if_range == etag)) {
    const RangeChoice choice = choose_range(*range, file->size());
    if (choice.kind == RangeChoice::Kind::kNone) {
      throw ApiError(416, "range_not_satisfiable", fmt::format("the file has {} bytes", file->size()));
    }
    if (choice.kind == RangeChoice::Kind::kPart) {
      response.status = 206;
      response.offset = choice.offset;
      response.length = choice.length;
      response.with("Content-Range",
                    fmt::format("bytes {}-{}/{}", choice.offset, choice.offset + choice.length - 1, file->size()));
    }
  }
  response.file = std::move(file);
  return response;
}

std::string absolute_url(const Services& services, const Request& request, const std::string& path) {
  const std::string* host = request.header("host");
  if (host == nullptr) return path;
  const std::string* scheme = services.settings.behind_proxy ? request.header("x-forwarded-proto") : nullptr;
  return fmt::format("{}://{}{}", scheme != nullptr && *scheme == "https" ? "https" : "http", *host, path);
}

std::string result_bytes(Services& services, const JobPointer& job, const JobResult& result) {
  const auto file = services.store.open(job->id, result.file);
  std::string bytes(file->size(), '\0');
  size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t count = pread(file->descriptor(), bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
    if (count <= 0) throw Error(ErrorCode::kIo, fmt::format("cannot read {} of {}", result.file, job->id));
    at += static_cast<size_t>(count);
  }
  return bytes;
}

const std::string* query_choice(const Request& request, const char* name, const std::vector<std::string>& choices) {
  const std::string* value = request.parameter(name);
  if (value == nullptr || std::find(choices.begin(), choices.end(), *value) != choices.end()) return value;
  throw ApiError(400, "invalid_value", fmt::format("{} must be one of {}", name, fmt::join(choices, ", ")), name);
}

void refuse_other_parameters(const Request& request, const std::vector<std::string>& known) {
  for (const auto& [name, value] : request.query) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    throw ApiError(
        400, "unknown_parameter",
        fmt::format("the query has no parameter '{}'; it has {}", name.substr(0, 60), fmt::join(known, ", ")),
        name.substr(0, 60));
  }
}

Page page_of(const std::vector<JobPointer>& jobs, const Request& request) {
  size_t limit = 20;
  if (const std::string* text = request.parameter("limit")) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
    if (text->empty() || error != std::errc() || end != text->data() + text->size() || limit < 1 || limit > 100) {
      throw ApiError(400, "invalid_value", "limit must be a whole number from 1 to 100", "limit");
    }
  }
  auto first = jobs.begin();
  if (const std::string* after = request.parameter("after")) {
    if (!is_job_id(*after)) throw ApiError(400, "invalid_value", "after must be a job's id", "after");
    first = std::find_if(jobs.begin(), jobs.end(), [&](const JobPointer& job) { return job->id == *after; });
    if (first == jobs.end()) throw ApiError(404, "job_not_found", "after names no job of this list", "after");
    ++first;
  }
  constexpr size_t kMostBytes = size_t{1} << 20;
  Page page;
  size_t bytes = 0;
  for (; first != jobs.end() && page.jobs.size() < limit; ++first) {
    const JobRequest& what = (*first)->request;
    // In the request, and again in each result.
    bytes += (what.prompt.size() + what.negative_prompt.size()) * static_cast<size_t>(1 + what.n);
    if (bytes > kMostBytes && !page.jobs.empty()) break;
    page.jobs.push_back(*first);
  }
  page.has_more = first != jobs.end();
  return page;
}

}  // namespace swan::server

#include "server/app.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>

#include "server/api_error.h"
#include "server/http/text.h"
#include "server/random.h"

namespace swan::server {

namespace {

constexpr double kWrongKeysAMinute = 20;
constexpr size_t kMaxId = 64;

bool is_id(const std::string& text) noexcept {
  return !text.empty() && text.size() <= kMaxId && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

// "localhost" of "localhost:7860", "[::1]" of "[::1]:7860"
std::string host_name(const std::string& host) {
  if (host.starts_with('[')) {
    const size_t size = host.find(']') + 1;
    return size == host.size() || host[size] == ':' ? host.substr(0, size) : host;
  }
  return lower_case(host.substr(0, host.rfind(':')));
}

// Who is behind our proxy: the last address of X-Forwarded-For, which it added itself.
std::string forwarded_client(const Request& request) {
  std::string client = request.address;
  for (const auto& [name, value] : request.headers) {
    if (name != "x-forwarded-for") continue;
    const size_t comma = value.rfind(',');
    const std::string_view last = trimmed(std::string_view(value).substr(comma == std::string::npos ? 0 : comma + 1));
    if (!last.empty() && last.size() <= kMaxId) client = last;
  }
  return client;
}

// What a page that may use the server may send: what it asks for, as clients send headers of their own
// (x-stainless-...).
std::string allowed_headers(const std::string* wanted) {
  constexpr size_t kMost = 1024;
  const bool names = wanted != nullptr && !wanted->empty() && wanted->size() <= kMost &&
                     std::all_of(wanted->begin(), wanted->end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                              c == '_' || c == ',' || c == ' ';
                     });
  return names ? *wanted : "Authorization, Content-Type, Last-Event-ID, Range, X-Request-Id";
}

// The key that a request brings. Clients of /sdapi know HTTP's Basic alone. Elsewhere it is not taken: browsers send it
// by themselves once they have it.
std::optional<std::string> key_of(const Request& request) {
  const std::string* authorization = request.header("authorization");
  if (const std::optional<std::string_view> key = Authenticator::bearer(authorization)) return std::string(*key);
  return request.path.starts_with("/sdapi/") ? Authenticator::basic(authorization) : std::nullopt;
}

}  // namespace

Response error_response(const std::string& path, int status, const std::string& code, const std::string& message,
                        const std::string& parameter) {
  if (path.starts_with("/sdapi/")) {
    return json_response({{"error", code}, {"detail", message}, {"body", ""}, {"errors", message}}, status);
  }
  return json_response({{"error",
                         {{"message", message},
                          {"type", error_type(status)},
                          {"param", parameter.empty() ? nlohmann::json() : nlohmann::json(parameter)},
                          {"code", code}}}},
                       status);
}

App::App(const ServerSettings& settings, Services& services, Log& log)
    : settings_(settings),
      services_(services),
      log_(log),
      keys_(settings.api_keys),
      wrong_keys_(kWrongKeysAMinute, kWrongKeysAMinute) {
  add_job_routes(router_, services_);
  add_model_routes(router_, services_);
  add_openai_image_routes(router_, services_);
  add_openai_video_routes(router_, services_);
  add_sdapi_routes(router_, services_);
  add_operation_routes(router_, services_);
  add_page_routes(router_);
}

void App::check_host(const Request& request) const {
  if (!settings_.check_host) return;
  const std::string* host = request.header("host");
  if (host == nullptr) return;  // HTTP/1.0, which no browser speaks
  const std::string name = host_name(*host);
  if (name == "localhost" || name == "127.0.0.1" || name == "[::1]") return;
  const auto& allowed = settings_.allowed_hosts;
  if (std::find(allowed.begin(), allowed.end(), name) != allowed.end()) return;
  throw ApiError(
      403, "host_not_allowed",
      fmt::format("this server is not called '{}'; allow the name with --allowed-host", name.substr(0, 100)));
}

bool App::origin_allowed(const std::string& origin) const {
  return !settings_.cors_origin.empty() && (settings_.cors_origin == "*" || settings_.cors_origin == origin);
}

// A page of another site must not make things happen here. Its reads fail without CORS; what changes something must not
// even be begun.
void App::check_origin(const Request& request) const {
  const std::string* origin = request.header("origin");
  if (origin == nullptr || request.method == "GET" || request.method == "HEAD" || origin_allowed(*origin)) return;
  const std::string* host = request.header("host");
  if (host != nullptr && (*origin == "http://" + *host || *origin == "https://" + *host)) return;
  throw ApiError(403, "origin_not_allowed", "pages of another site may not do this; allow theirs with --cors-origin");
}

void App::authenticate(Request& request, const RouteMatch& match) {
  if (!keys_.required() || match.route->access == Access::kOpen) return;
  if (const std::optional<int> seconds = wrong_keys_.look(request.client)) {
    services_.metrics.refused("wrong_keys");
    throw ApiError(429, "too_many_wrong_keys", "too many requests with a wrong API key").retry_in(*seconds);
  }
  const std::optional<std::string> key = key_of(request);
  const std::string* token = !key && match.route->access == Access::kKeyOrToken ? request.parameter("token") : nullptr;
  if (key) {
    if (const std::optional<std::string> name = keys_.name_of(*key)) {
      request.client = *name;
      return;
    }
  } else if (token != nullptr) {
    // The token stands for its job's owner, and for that job alone: find_job compares it again.
    const JobPointer job = services_.jobs.find(match.values.at("job_id"));
    // A page that shows what has expired meanwhile is no stranger who guesses.
    if (!job) throw no_such_job();
    if (equal_in_constant_time(job->token, *token)) {
      request.client = job->owner;
      return;
    }
  }
  if (key || token != nullptr) (void)wrong_keys_.take(request.client);
  services_.metrics.refused("no_key");
  throw ApiError(401, "invalid_api_key",
                 key ? "the API key is not known here" : "an API key is needed: Authorization: Bearer KEY");
}

Response App::preflight(const Request& request, const RouteMatch& match) const {
  Response response = {.status = 204};
  response.with("Allow", fmt::format("{}, OPTIONS", fmt::join(match.allowed, ", ")));
  const std::string* origin = request.header("origin");
  if (origin != nullptr && origin_allowed(*origin)) {
    response.with("Access-Control-Allow-Methods", "GET, HEAD, POST, DELETE")
        .with("Access-Control-Allow-Headers", allowed_headers(request.header("access-control-request-headers")))
        .with("Access-Control-Max-Age", "600");
  }
  return response;
}

// What can be decided by the head alone; an answer ends the request.
std::optional<Response> App::check(Request& request) {
  request.client = settings_.behind_proxy ? forwarded_client(request) : request.address;
  check_host(request);
  const RouteMatch match = router_.match(request);
  if (match.allowed.empty()) {
    throw ApiError(404, "not_found", fmt::format("there is no {}; see /openapi.json", request.path.substr(0, 200)));
  }
  if (request.method == "OPTIONS") return preflight(request, match);
  if (match.route == nullptr) {
    Response response =
        error_response(request.path, 405, "method_not_allowed", fmt::format("{} is not for this path", request.method));
    response.with("Allow", fmt::format("{}, OPTIONS", fmt::join(match.allowed, ", ")));
    return response;
  }
  request.route = match.route->path;
  check_origin(request);
  authenticate(request, match);
  return std::nullopt;
}

namespace {

// Runs what may throw; what it throws becomes an answer.
template <typename Answer>
auto answering(const Request& request, Log& log, const Answer& answer) -> decltype(answer()) {
  try {
    return answer();
  } catch (const ApiError& e) {
    Response response = error_response(request.path, e.status(), e.code(), e.what(), e.parameter());
    if (e.retry_after()) response.with("Retry-After", std::to_string(*e.retry_after()));
    if (e.status() == 401) response.with("WWW-Authenticate", "Bearer");
    return response;
  } catch (const std::bad_alloc&) {
    return error_response(request.path, 503, "out_of_memory", "the server is out of memory; try again later");
  } catch (const std::exception& e) {
    // The message may name files of this machine: it is for the log.
    log.write(LogLevel::kError, "error", {{"request_id", request.id}, {"path", request.path}, {"message", e.what()}});
    return error_response(request.path, 500, "internal",
                          fmt::format("the server failed; its log says why, see request {}", request.id));
  }
}

}  // namespace

std::optional<Response> App::before_body(Request& request) {
  const std::string* id = request.header("x-request-id");
  request.id = id != nullptr && is_id(*id) ? *id : "req_" + random_word(20);
  std::optional<Response> response =
      answering(request, log_, [&]() -> std::optional<Response> { return check(request); });
  if (!response) return std::nullopt;
  return finish(&request, std::move(*response));
}

Response App::handle(const Request& request) {
  return finish(&request, answering(request, log_, [&]() -> Response {
    const RouteMatch match = router_.match(request);
    return match.route->handler(request, match.values);
  }));
}

Response App::refuse(const HeadError& error, const Request* request) {
  const bool large = error.status == 413 || error.status == 414 || error.status == 431;
  return finish(request, error_response(request != nullptr ? request->path : "", error.status,
                                        large ? "too_large" : "bad_request", error.message));
}

Response App::finish(const Request* request, Response response) const {
  response.with("X-Request-Id", request != nullptr ? request->id : "req_" + random_word(20))
      .with("X-Content-Type-Options", "nosniff")
      .with("X-Frame-Options", "DENY")
      .with("Referrer-Policy", "no-referrer");
  if (find_field(response.headers, "Content-Security-Policy") == nullptr) {
    response.with("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  }
  if (settings_.cors_origin.empty()) {
    response.with("Cross-Origin-Resource-Policy", "same-origin");
  } else {
    response.with("Vary", "Origin, Access-Control-Request-Headers");
    const std::string* origin = request != nullptr ? request->header("origin") : nullptr;
    if (origin != nullptr && origin_allowed(*origin)) {
      response.with("Access-Control-Allow-Origin", settings_.cors_origin)
          .with("Access-Control-Expose-Headers", "Location, Retry-After, X-Request-Id, Content-Range, ETag");
    }
  }
  return response;
}

void App::finished(const Request* request, const Response& response, uint64_t bytes, double seconds) {
  const std::string method = request != nullptr ? request->method : "none";
  const std::string route = request != nullptr ? request->route : "";
  // Of methods that no route has, as anyone can make them up, the counts know no names.
  services_.metrics.request(route.empty() ? "other" : method, route, response.status, seconds, bytes);
  const std::string* id = find_field(response.headers, "X-Request-Id");
  nlohmann::ordered_json line = {{"request_id", id != nullptr ? *id : ""}, {"method", method}};
  if (request != nullptr) {
    line["path"] = request->path;  // without the query, where tokens are
    line["client"] = request->client;
    line["address"] = request->address;
  }
  line["status"] = response.status;
  line["bytes"] = bytes;
  line["seconds"] = seconds;
  const bool quiet = route == "/healthz" || route == "/readyz" || route == "/metrics";
  log_.write(quiet ? LogLevel::kDebug : LogLevel::kInfo, "request", std::move(line));
}

}  // namespace swan::server

// /v1/videos, as OpenAI's API has it: jobs of kind video under other names

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "server/api_error.h"
#include "server/http/form.h"
#include "server/request_reader.h"
#include "server/services.h"

namespace swan::server {

namespace {

constexpr double kDefaultFps = 16;
constexpr double kMaxSeconds = 100;

// A form has text only; numbers are made of what looks like one, so that both kinds of body are read by one reader.
nlohmann::json form_body(const Request& request, const std::string& content_type) {
  const std::optional<Form> form = parse_form(content_type, request.body);
  if (!form) throw ApiError(400, "invalid_form", "the body is no well-formed multipart/form-data");
  for (const std::string& file : form->file_names) {
    throw ApiError(400, "unsupported_parameter", fmt::format("files are not taken here: {}", file.substr(0, 60)), file);
  }
  nlohmann::json body = nlohmann::json::object();
  for (const auto& [name, value] : form->fields) {
    const bool text = name == "prompt" || name == "negative_prompt" || name == "model" || name == "size" ||
                      name == "scheduler" || name == "seconds";
    const nlohmann::json number = text ? nlohmann::json() : nlohmann::json::parse(value, nullptr, false);
    body[name] = number.is_number() ? number : nlohmann::json(value);
  }
  try {
    (void)body.dump();  // throws for what is not UTF-8
  } catch (const nlohmann::json::exception&) {
    throw ApiError(400, "invalid_form", "the form's fields are not UTF-8");
  }
  return body;
}

nlohmann::json body_of(const Request& request) {
  const std::string* type = request.header("content-type");
  if (type != nullptr && media_type(*type) == "multipart/form-data") return form_body(request, *type);
  return json_body(request);
}

// "4", "2.5" or a number.
std::optional<double> read_seconds(BodyReader& reader) {
  const nlohmann::json* value = reader.any("seconds");
  if (value == nullptr) return std::nullopt;
  double seconds = NAN;
  if (value->is_number()) seconds = value->get<double>();
  if (value->is_string()) {
    const auto& text = value->get_ref<const std::string&>();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) seconds = NAN;
  }
  if (!(seconds > 0 && seconds <= kMaxSeconds)) {
    throw ApiError(400, "invalid_value", fmt::format("seconds must be a number above 0, at most {}", kMaxSeconds),
                   "seconds");
  }
  return seconds;
}

JobRequest read_video(const nlohmann::json& body, const ServerSettings& settings) {
  const RequestLimits& limits = settings.limits;
  BodyReader reader(body, true);
  JobRequest job;
  job.kind = Kind::kVideo;
  job.preview = false;
  job.prompt = required(reader.text("prompt", limits.max_prompt_characters), "prompt");
  read_size(reader.text("size", 32).value_or("auto"), settings, job);
  job.fps = reader.number("fps", kLeastFps, kMostFps);
  job.num_frames = reader.integer("num_frames", 1, limits.max_frames);
  const std::optional<double> seconds = read_seconds(reader);
  if (seconds && !job.num_frames) {
    // One more than a multiple of 4, as models make them; at most what the server allows.
    const double frames = *seconds * job.fps.value_or(kDefaultFps);
    const int64_t most = (limits.max_frames - 1) / 4 * 4 + 1;
    job.num_frames = std::clamp<int64_t>(std::llround((frames - 1) / 4) * 4 + 1, 1, most);
  }
  if (reader.any("input_reference") != nullptr) {
    throw ApiError(400, "unsupported_parameter", "videos are made from a prompt alone here", "input_reference");
  }
  read_common(reader, settings, job);
  return job;
}

nlohmann::json video_json(const Services& services, const Job& job) {
  const JobState state = job.state();
  const ModelDefaults defaults =
      services.models.find(job.request.model).value_or(ModelView{}).defaults;  // the model may be gone since
  int64_t width = job.request.width.value_or(defaults.width);
  int64_t height = job.request.height.value_or(defaults.height);
  int64_t frames = job.request.num_frames.value_or(defaults.num_frames.value_or(1));
  if (!state.results.empty()) {
    width = state.results[0].width;
    height = state.results[0].height;
    frames = state.results[0].num_frames.value_or(frames);
  }
  const char* status = "failed";
  if (state.status == Status::kQueued) status = "queued";
  if (state.status == Status::kRunning) status = "in_progress";
  if (state.status == Status::kSucceeded) status = "completed";
  nlohmann::json error;
  if (state.error) error = {{"code", state.error->code}, {"message", state.error->message}};
  const double fraction = state.progress ? state.progress->fraction : 0;
  const auto time = [](double t) { return t > 0 ? nlohmann::json(static_cast<int64_t>(t)) : nlohmann::json(); };
  return {{"id", job.id},
          {"object", "video"},
          {"model", job.request.model},
          {"status", status},
          {"progress", state.status == Status::kSucceeded ? 100 : static_cast<int>(fraction * 100)},
          {"created_at", static_cast<int64_t>(job.created_at)},
          {"completed_at", state.status == Status::kSucceeded ? time(state.finished_at) : nlohmann::json()},
          {"expires_at", time(state.expires_at)},
          {"prompt", job.request.prompt},
          {"size", fmt::format("{}x{}", width, height)},
          {"seconds", fmt::format("{:g}", static_cast<double>(frames) / job.request.fps.value_or(kDefaultFps))},
          {"remixed_from_video_id", nullptr},
          {"error", std::move(error)}};
}

JobPointer video_of(Services& services, const Request& request, const PathValues& path) {
  JobPointer job = find_job(services, request, path.at("video_id"));
  if (job->request.kind != Kind::kVideo) throw ApiError(404, "video_not_found", "that job makes no video");
  return job;
}

Response list_videos(Services& services, const Request& request) {
  refuse_other_parameters(request, {"limit", "after", "order"});
  const std::string* order = query_choice(request, "order", {"asc", "desc"});
  std::vector<JobPointer> jobs = services.jobs.list(request.client);
  std::erase_if(jobs, [](const JobPointer& job) { return job->request.kind != Kind::kVideo; });
  if (order != nullptr && *order == "asc") std::reverse(jobs.begin(), jobs.end());
  const Page page = page_of(jobs, request);
  nlohmann::json data = nlohmann::json::array();
  for (const JobPointer& job : page.jobs) data.push_back(video_json(services, *job));
  return json_response({{"object", "list"},
                        {"first_id", page.jobs.empty() ? nlohmann::json() : nlohmann::json(page.jobs.front()->id)},
                        {"last_id", page.jobs.empty() ? nlohmann::json() : nlohmann::json(page.jobs.back()->id)},
                        {"has_more", page.has_more},
                        {"data", std::move(data)}});
}

}  // namespace

void add_openai_video_routes(Router& router, Services& services) {
  router.add("POST", "/v1/videos", Access::kKey, [&services](const Request& request, const PathValues&) {
    JobRequest job = read_video(body_of(request), services.settings);
    complete(job, services.settings, services.models);
    return json_response(video_json(services, *submit(services, request, std::move(job))));
  });
  router.add("GET", "/v1/videos", Access::kKey,
             [&services](const Request& request, const PathValues&) { return list_videos(services, request); });
  router.add("GET", "/v1/videos/{video_id}", Access::kKey, [&services](const Request& request, const PathValues& path) {
    return json_response(video_json(services, *video_of(services, request, path)));
  });
  router.add("DELETE", "/v1/videos/{video_id}", Access::kKey,
             [&services](const Request& request, const PathValues& path) {
               const JobPointer job = video_of(services, request, path);
               services.jobs.remove(job);
               return json_response({{"id", job->id}, {"object", "video.deleted"}, {"deleted", true}});
             });
  router.add("GET", "/v1/videos/{video_id}/content", Access::kKey,
             [&services](const Request& request, const PathValues& path) {
               refuse_other_parameters(request, {"variant"});
               (void)query_choice(request, "variant", {"video"});
               return result_response(services, request, video_of(services, request, path), 0, false);
             });
}

}  // namespace swan::server

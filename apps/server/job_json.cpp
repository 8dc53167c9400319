#include "server/job_json.h"

#include <fmt/format.h>

namespace swan::server {

namespace {

using Json = nlohmann::json;

template <typename T>
void put(Json& json, const char* key, const std::optional<T>& value) {
  if (value) json[key] = *value;
}
template <typename T>
void get(const Json& json, const char* key, std::optional<T>& value) {
  if (json.contains(key)) value = json.at(key).get<T>();
}

Json result_json(const JobResult& result) {
  Json json = {{"content_type", result.content_type},
               {"bytes", result.bytes},
               {"width", result.width},
               {"height", result.height},
               {"seed", result.seed},
               {"parameters", result.parameters}};
  put(json, "num_frames", result.num_frames);
  put(json, "fps", result.fps);
  return json;
}

Json time_or_null(double time) { return time > 0 ? Json(time) : Json(); }

// The settings that a request need not have, by their names in JSON. @param visit  (name, optional)
template <typename Request, typename Visit>
void visit_settings(Request& request, const Visit& visit) {
  visit("width", request.width);
  visit("height", request.height);
  visit("num_frames", request.num_frames);
  visit("fps", request.fps);
  visit("num_inference_steps", request.num_inference_steps);
  visit("guidance_scale", request.guidance_scale);
  visit("flow_shift", request.flow_shift);
  visit("seed", request.seed);
  visit("quality", request.quality);
}

JobRequest read_request(const Json& json) {
  JobRequest request;
  request.kind = json.at("kind") == "video" ? Kind::kVideo : Kind::kImage;
  request.model = json.at("model");
  request.prompt = json.at("prompt");
  request.negative_prompt = json.value("negative_prompt", "");
  visit_settings(request, [&](const char* name, auto& value) { get(json, name, value); });
  request.n = json.at("n");
  request.scheduler = json.value("scheduler", "");
  request.format = json.at("format");
  request.preview = json.value("preview", true);
  if (json.contains("loras")) {
    for (const Json& lora : json.at("loras")) request.loras.push_back({lora.at("name"), lora.at("scale")});
  }
  return request;
}

}  // namespace

Json request_json(const JobRequest& request) {
  Json json = {{"kind", kind_name(request.kind)}, {"model", request.model},
               {"prompt", request.prompt},        {"n", request.n},
               {"format", request.format},        {"preview", request.preview}};
  if (!request.negative_prompt.empty()) json["negative_prompt"] = request.negative_prompt;
  visit_settings(request, [&](const char* name, const auto& value) { put(json, name, value); });
  if (!request.scheduler.empty()) json["scheduler"] = request.scheduler;
  for (const LoraChoice& lora : request.loras) json["loras"].push_back({{"name", lora.name}, {"scale", lora.scale}});
  return json;
}

Json progress_json(const JobProgress& progress) {
  return {{"stage", progress.stage},
          {"step", progress.step},
          {"steps", progress.steps},
          {"fraction", progress.fraction},
          {"eta_seconds", progress.eta_seconds ? Json(*progress.eta_seconds) : Json()}};
}

std::string result_url(const Job& job, size_t index) {
  return fmt::format("/v1/results/{}/{}?token={}", job.id, index, job.token);
}

Json job_json(const Job& job, const JobState& state) {
  Json results = Json::array();
  for (size_t i = 0; i < state.results.size(); ++i) {
    Json result = result_json(state.results[i]);
    result["index"] = i;
    result["url"] = result_url(job, i);
    results.push_back(std::move(result));
  }
  Json error;
  if (state.error) {
    error = {{"message", state.error->message},
             {"type", state.status == Status::kCancelled ? "cancelled" : "server_error"},
             {"param", nullptr},
             {"code", state.error->code}};
    if (state.error->status < 500 && state.status == Status::kFailed) error["type"] = "invalid_request_error";
  }
  return {{"id", job.id},
          {"object", "job"},
          {"kind", kind_name(job.request.kind)},
          {"status", status_name(state.status)},
          {"model", job.request.model},
          {"created_at", job.created_at},
          {"started_at", time_or_null(state.started_at)},
          {"finished_at", time_or_null(state.finished_at)},
          {"expires_at", time_or_null(state.expires_at)},
          {"queue_position", state.queue_position ? Json(*state.queue_position) : Json()},
          {"progress", state.progress ? progress_json(*state.progress) : Json()},
          {"request", request_json(job.request)},
          {"results", std::move(results)},
          {"error", std::move(error)},
          {"events_url", fmt::format("/v1/jobs/{}/events?token={}", job.id, job.token)}};
}

Json record_json(const Job& job, const JobState& state) {
  Json results = Json::array();
  for (const JobResult& result : state.results) {
    Json json = result_json(result);
    json["file"] = result.file;
    results.push_back(std::move(json));
  }
  return {{"format", 1},
          {"id", job.id},
          {"owner", job.owner},
          {"token", job.token},
          {"created_at", job.created_at},
          {"started_at", state.started_at},
          {"finished_at", state.finished_at},
          {"request", request_json(job.request)},
          {"results", std::move(results)}};
}

JobPointer read_record(const Json& record, std::chrono::seconds ttl) {
  JobState state;
  state.status = Status::kSucceeded;
  state.started_at = record.at("started_at");
  state.finished_at = record.at("finished_at");
  state.expires_at = state.finished_at + static_cast<double>(ttl.count());
  for (const Json& json : record.at("results")) {
    JobResult& result = state.results.emplace_back();
    result.file = json.at("file");
    result.content_type = json.at("content_type");
    result.bytes = json.at("bytes");
    result.width = json.at("width");
    result.height = json.at("height");
    result.seed = json.at("seed");
    result.parameters = json.at("parameters");
    get(json, "num_frames", result.num_frames);
    get(json, "fps", result.fps);
  }
  return std::make_shared<Job>(record.at("id").get<std::string>(), record.at("owner").get<std::string>(),
                               record.at("token").get<std::string>(), read_request(record.at("request")),
                               record.at("created_at").get<double>(), std::move(state));
}

}  // namespace swan::server

// /sdapi/v1, for clients of that API: txt2img and what they ask for besides

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <mutex>

#include "server/api_error.h"
#include "server/base64.h"
#include "server/request_reader.h"
#include "server/sd_prompt.h"
#include "server/sd_samplers.h"
#include "server/services.h"
#include "swan/version.h"

namespace swan::server {

namespace {

// What would make another picture and is not there. Clients send most of these with the value that asks for nothing.
constexpr std::array kRefused = {"enable_hr",          "styles",          "script_name", "tiling", "restore_faces",
                                 "refiner_checkpoint", "alwayson_scripts"};

bool asks_for_nothing(const nlohmann::json& value) {
  return value.is_null() || value == false || value == "" || (value.is_structured() && value.empty());
}

std::vector<std::string> image_models(const ModelPool& models) {
  std::vector<std::string> names;
  for (const ModelView& model : models.list()) {
    if (model.kind == Kind::kImage) names.push_back(model.name);
  }
  return names;
}

// The model that each client chose by /options, of the latest thousand clients.
class ChosenModels {
 public:
  void set(const std::string& client, const std::string& model) {
    const std::lock_guard lock(mutex_);
    if (models_.size() >= 1000 && models_.find(client) == models_.end()) models_.erase(models_.begin());
    models_[client] = model;
  }
  std::string of(const std::string& client) const {
    const std::lock_guard lock(mutex_);
    const auto found = models_.find(client);
    return found == models_.end() ? "" : found->second;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> models_;
};

// Jobs that requests of this API wait for now: its progress and its interrupt mean these, and no jobs that the same
// client, which on loopback is every program of the machine, has begun in another way.
class AwaitedJobs {
 public:
  // One of them, until it goes.
  class Place {
   public:
    Place(AwaitedJobs& all, std::string client, JobPointer job) : all_(all), entry_(std::move(client), std::move(job)) {
      const std::lock_guard lock(all_.mutex_);
      all_.jobs_.push_back(entry_);
    }
    ~Place() {
      const std::lock_guard lock(all_.mutex_);
      all_.jobs_.erase(std::find(all_.jobs_.begin(), all_.jobs_.end(), entry_));
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    AwaitedJobs& all_;
    const std::pair<std::string, JobPointer> entry_;
  };

  // A client's, oldest first.
  std::vector<JobPointer> of(const std::string& client) const {
    const std::lock_guard lock(mutex_);
    std::vector<JobPointer> jobs;
    for (const auto& [owner, job] : jobs_) {
      if (owner == client) jobs.push_back(job);
    }
    return jobs;
  }
  // The one that is computed, else the next. Null: none
  JobPointer current(const std::string& client) const {
    const std::vector<JobPointer> jobs = of(client);
    const auto running =
        std::find_if(jobs.begin(), jobs.end(), [](const JobPointer& job) { return job->status() == Status::kRunning; });
    if (running != jobs.end()) return *running;
    return jobs.empty() ? nullptr : jobs.front();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<std::string, JobPointer>> jobs_;
};

struct Txt2Img {
  JobRequest job;  ///< of the first of `times`
  int times = 1;
  bool send_images = true;
};

Txt2Img read_txt2img(const nlohmann::json& body, const Services& services, const std::string& chosen_model) {
  const RequestLimits& limits = services.settings.limits;
  BodyReader reader(body, true);
  for (const char* name : kRefused) {
    const nlohmann::json* value = reader.any(name);
    if (value != nullptr && !asks_for_nothing(*value)) {
      throw ApiError(422, "unsupported_parameter", fmt::format("{} is not there", name), name);
    }
  }
  Txt2Img wanted;
  JobRequest& job = wanted.job;
  job.model = chosen_model;
  if (const nlohmann::json* settings = reader.any("override_settings")) {
    if (!settings->is_object()) throw ApiError(422, "invalid_value", "override_settings must be an object");
    BodyReader overrides(*settings, true);
    const auto model = overrides.choice("sd_model_checkpoint", image_models(services.models));
    if (model) job.model = *model;
  }
  SdPrompt prompt =
      read_sd_prompt(reader.text("prompt", limits.max_prompt_characters).value_or(""), services.settings.loras);
  job.prompt = std::move(prompt.text);
  job.loras = std::move(prompt.loras);
  job.negative_prompt = reader.text("negative_prompt", limits.max_prompt_characters).value_or("");
  if (const auto steps = reader.integer("steps", 1, limits.max_steps)) {
    job.num_inference_steps = static_cast<int>(*steps);
  }
  job.guidance_scale = reader.number("cfg_scale", 0, kMaxGuidance);
  job.width = reader.integer("width", kLeastSide, limits.max_width);
  job.height = reader.integer("height", kLeastSide, limits.max_height);
  job.n = static_cast<int>(reader.integer("batch_size", 1, limits.max_n).value_or(1));
  wanted.times = static_cast<int>(reader.integer("n_iter", 1, limits.max_n).value_or(1));
  if (job.n * wanted.times > limits.max_n) {
    throw ApiError(422, "invalid_value",
                   fmt::format("batch_size times n_iter is {}; this server makes at most {} pictures for a request",
                               job.n * wanted.times, limits.max_n),
                   "n_iter");
  }
  const int64_t seed = reader.integer("seed", -1, kMaxSeed).value_or(-1);
  if (seed >= 0) job.seed = static_cast<uint64_t>(seed);
  for (const char* name : {"sampler_name", "sampler_index"}) {
    if (const auto sampler = reader.choice(name, sd_sampler_choices())) job.scheduler = scheduler_of_sampler(*sampler);
  }
  wanted.send_images = reader.flag("send_images").value_or(true);
  return wanted;
}

Response txt2img(Services& services, const Request& request, const std::string& chosen_model, AwaitedJobs& awaited) {
  const nlohmann::json body = json_body(request);
  Txt2Img wanted = read_txt2img(body, services, chosen_model);
  complete(wanted.job, services.settings, services.models);
  nlohmann::json images = nlohmann::json::array();
  nlohmann::json seeds = nlohmann::json::array();
  nlohmann::json texts = nlohmann::json::array();
  JobState state;
  for (int time = 0; time < wanted.times; ++time) {
    JobRequest job = wanted.job;
    job.seed = *wanted.job.seed + static_cast<uint64_t>(time) * static_cast<uint64_t>(job.n);
    const JobPointer queued = submit(services, request, std::move(job));
    const AwaitedJobs::Place place(awaited, request.client, queued);
    state = wait_for(services, request, queued);
    for (const JobResult& result : state.results) {
      if (wanted.send_images) images.push_back(base64(result_bytes(services, queued, result)));
      seeds.push_back(result.seed);
      texts.push_back(result.parameters.dump());
    }
  }
  const JobRequest& job = wanted.job;
  const nlohmann::json& parameters = state.results.at(0).parameters;
  const nlohmann::json info = {{"prompt", job.prompt},
                               {"all_prompts", std::vector<std::string>(seeds.size(), job.prompt)},
                               {"negative_prompt", job.negative_prompt},
                               {"all_negative_prompts", std::vector<std::string>(seeds.size(), job.negative_prompt)},
                               {"seed", *job.seed},
                               {"all_seeds", seeds},
                               {"width", state.results[0].width},
                               {"height", state.results[0].height},
                               {"sampler_name", parameters.value("scheduler", job.scheduler)},
                               {"cfg_scale", parameters.value("guidance_scale", job.guidance_scale.value_or(0))},
                               {"steps", parameters.value("num_inference_steps", job.num_inference_steps.value_or(0))},
                               {"batch_size", job.n},
                               {"sd_model_name", job.model},
                               {"infotexts", std::move(texts)},
                               {"version", std::string("swan ") + version()}};
  return json_response({{"images", std::move(images)}, {"parameters", body}, {"info", info.dump()}});
}

// "20261130160000", in local time as the API has it
std::string job_timestamp(double unix_time) {
  const auto seconds = static_cast<std::time_t>(unix_time);
  std::tm parts = {};
  localtime_r(&seconds, &parts);
  std::array<char, 16> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y%m%d%H%M%S", &parts)};
}

Response progress(const Request& request, const AwaitedJobs& awaited) {
  const std::string* skip = query_choice(request, "skip_current_image", {"true", "false"});
  nlohmann::json answer = {{"progress", 0.0},
                           {"eta_relative", 0.0},
                           {"state",
                            {{"skipped", false},
                             {"interrupted", false},
                             {"stopping_generation", false},
                             {"job", ""},
                             {"job_timestamp", "0"},
                             {"job_count", 0},
                             {"job_no", 0},
                             {"sampling_step", 0},
                             {"sampling_steps", 0}}},
                           {"current_image", nullptr},
                           {"textinfo", nullptr}};
  const JobPointer job = awaited.current(request.client);
  if (!job) return json_response(answer);
  const JobState state = job->state();
  answer["state"]["job"] = job->id;
  answer["state"]["job_timestamp"] = job_timestamp(job->created_at);
  answer["state"]["job_count"] = 1;
  if (state.queue_position) answer["textinfo"] = fmt::format("waiting, turn {}", *state.queue_position);
  if (state.progress) {
    answer["progress"] = state.progress->fraction;
    answer["eta_relative"] = state.progress->eta_seconds.value_or(0);
    answer["state"]["sampling_step"] = state.progress->step;
    answer["state"]["sampling_steps"] = state.progress->steps;
    answer["textinfo"] = state.progress->stage;
  }
  if (skip == nullptr || *skip == "false") {
    for (const Event& event : job->events().wait(0, std::chrono::milliseconds(0)).events) {
      if (event.name != "preview") continue;
      const std::string url = nlohmann::json::parse(event.data).at("image");
      answer["current_image"] = url.substr(url.find(',') + 1);
    }
  }
  return json_response(answer);
}

Response interrupt(Services& services, const Request& request, const AwaitedJobs& awaited) {
  for (const JobPointer& job : awaited.of(request.client)) services.jobs.cancel(job, "it was interrupted");
  return json_response(nlohmann::json::object());
}

nlohmann::json sd_models(const Services& services) {
  nlohmann::json models = nlohmann::json::array();
  for (const std::string& name : image_models(services.models)) {
    models.push_back({{"title", name},
                      {"model_name", name},
                      {"hash", nullptr},
                      {"sha256", nullptr},
                      {"filename", name},
                      {"config", nullptr}});
  }
  return models;
}

nlohmann::json loras(const ServerSettings& settings) {
  nlohmann::json list = nlohmann::json::array();
  for (const LoraSource& lora : settings.loras) {
    list.push_back(
        {{"name", lora.name}, {"alias", lora.name}, {"path", lora.name}, {"metadata", nlohmann::json::object()}});
  }
  return list;
}

nlohmann::json samplers() {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [name, description] : scheduler_names()) {
    list.push_back({{"name", name}, {"aliases", sd_sampler_aliases(name)}, {"options", nlohmann::json::object()}});
  }
  return list;
}

// What clients ask for when they connect, to offer it for choice: how steps are spaced, which is each sampler's
// business here, and what is not there.
struct Choices {
  const char* path;
  const char* json;
};
constexpr std::array kChoices = {
    Choices{"/sdapi/v1/schedulers",
            R"([{"name": "automatic", "label": "Automatic", "aliases": null, "default_rho": -1,
                 "need_inner_model": false}])"},
    Choices{"/sdapi/v1/upscalers",
            R"([{"name": "None", "model_name": null, "model_path": null, "model_url": null, "scale": 1}])"},
    Choices{"/sdapi/v1/latent-upscale-modes", "[]"},
    Choices{"/sdapi/v1/sd-vae", "[]"},
};

}  // namespace

void add_sdapi_routes(Router& router, Services& services) {
  const auto chosen = std::make_shared<ChosenModels>();
  const auto awaited = std::make_shared<AwaitedJobs>();
  router.add("POST", "/sdapi/v1/txt2img", Access::kKey,
             [&services, chosen, awaited](const Request& request, const PathValues&) {
               return txt2img(services, request, chosen->of(request.client), *awaited);
             });
  router.add("GET", "/sdapi/v1/progress", Access::kKey,
             [awaited](const Request& request, const PathValues&) { return progress(request, *awaited); });
  router.add("POST", "/sdapi/v1/interrupt", Access::kKey,
             [&services, awaited](const Request& request, const PathValues&) {
               return interrupt(services, request, *awaited);
             });
  router.add("GET", "/sdapi/v1/samplers", Access::kKey,
             [](const Request&, const PathValues&) { return json_response(samplers()); });
  router.add("GET", "/sdapi/v1/loras", Access::kKey,
             [&services](const Request&, const PathValues&) { return json_response(loras(services.settings)); });
  for (const Choices& choices : kChoices) {
    router.add("GET", choices.path, Access::kKey,
               [list = nlohmann::json::parse(choices.json)](const Request&, const PathValues&) {
                 return json_response(list);
               });
  }
  router.add("GET", "/sdapi/v1/sd-models", Access::kKey,
             [&services](const Request&, const PathValues&) { return json_response(sd_models(services)); });
  router.add("GET", "/sdapi/v1/options", Access::kKey, [&services, chosen](const Request& request, const PathValues&) {
    std::string model = chosen->of(request.client);
    const std::optional<ModelView> standard = services.models.default_of(Kind::kImage);
    if (model.empty() && standard) model = standard->name;
    return json_response({{"sd_model_checkpoint", model.empty() ? nlohmann::json() : nlohmann::json(model)}});
  });
  router.add("POST", "/sdapi/v1/options", Access::kKey, [&services, chosen](const Request& request, const PathValues&) {
    const nlohmann::json body = json_body(request);
    BodyReader reader(body, true);
    const auto model = reader.choice("sd_model_checkpoint", image_models(services.models));
    if (model) chosen->set(request.client, *model);
    return json_response(nullptr);
  });
}

}  // namespace swan::server

// /v1/models and /v1/capabilities

#include <fmt/format.h>

#include "server/api_error.h"
#include "server/request_reader.h"
#include "server/services.h"
#include "swan/pipeline.h"
#include "swan/version.h"

namespace swan::server {

namespace {

nlohmann::json model_json(const Services& services, const ModelView& model) {
  nlohmann::json defaults = {{"width", model.defaults.width},
                             {"height", model.defaults.height},
                             {"num_inference_steps", model.defaults.num_inference_steps},
                             {"guidance_scale", model.defaults.guidance_scale},
                             {"negative_prompt", model.defaults.negative_prompt}};
  if (model.defaults.num_frames) defaults["num_frames"] = *model.defaults.num_frames;
  if (model.defaults.fps) defaults["fps"] = *model.defaults.fps;
  return {{"id", model.name},
          {"object", "model"},
          {"created", static_cast<int64_t>(services.started_at)},
          {"owned_by", "swan"},
          {"kind", kind_name(model.kind)},
          {"default", model.is_default},
          {"loaded", model.open},
          {"defaults", std::move(defaults)}};
}

nlohmann::json capabilities(const ServerSettings& settings) {
  nlohmann::json schedulers = nlohmann::json::array();
  for (const auto& [name, description] : scheduler_names()) {
    schedulers.push_back({{"name", name}, {"description", description}});
  }
  nlohmann::json loras = nlohmann::json::array();
  for (const LoraSource& lora : settings.loras) loras.push_back(lora.name);
  const RequestLimits& limits = settings.limits;
  return {{"version", version()},
          {"limits",
           {{"max_width", limits.max_width},
            {"max_height", limits.max_height},
            {"max_pixels", limits.max_pixels},
            {"max_frames", limits.max_frames},
            {"max_video_pixels", limits.max_video_pixels},
            {"max_steps", limits.max_steps},
            {"max_n", limits.max_n},
            {"max_prompt_characters", limits.max_prompt_characters}}},
          {"schedulers", std::move(schedulers)},
          {"loras", std::move(loras)},
          {"image_formats", image_formats()},
          {"video_formats", video_formats()},
          {"previews", settings.preview_seconds > 0}};
}

}  // namespace

void add_model_routes(Router& router, Services& services) {
  router.add("GET", "/v1/models", Access::kKey, [&services](const Request&, const PathValues&) {
    nlohmann::json data = nlohmann::json::array();
    for (const ModelView& model : services.models.list()) data.push_back(model_json(services, model));
    return json_response({{"object", "list"}, {"data", std::move(data)}});
  });
  router.add("GET", "/v1/models/{model}", Access::kKey, [&services](const Request&, const PathValues& path) {
    const std::optional<ModelView> model = services.models.find(path.at("model"));
    if (!model) throw ApiError(404, "model_not_found", "there is no such model; see /v1/models", "model");
    return json_response(model_json(services, *model));
  });
  router.add("GET", "/v1/capabilities", Access::kKey,
             [&services](const Request&, const PathValues&) { return json_response(capabilities(services.settings)); });
}

}  // namespace swan::server

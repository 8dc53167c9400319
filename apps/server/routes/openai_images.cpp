// POST /v1/images/generations, as OpenAI's API has it

#include <fmt/format.h>

#include "server/api_error.h"
#include "server/base64.h"
#include "server/job_json.h"
#include "server/request_reader.h"
#include "server/services.h"

namespace swan::server {

namespace {

struct ImagesRequest {
  JobRequest job;
  bool as_url = false;
};

ImagesRequest read_images(const nlohmann::json& body, const ServerSettings& settings) {
  const RequestLimits& limits = settings.limits;
  BodyReader reader(body, true);
  ImagesRequest images;
  JobRequest& job = images.job;
  job.preview = false;  // nobody listens
  job.prompt = required(reader.text("prompt", limits.max_prompt_characters), "prompt");
  job.n = static_cast<int>(reader.integer("n", 1, limits.max_n).value_or(1));
  read_size(reader.text("size", 32).value_or("auto"), settings, job);
  images.as_url = reader.choice("response_format", {"b64_json", "url"}).value_or("b64_json") == "url";
  job.format = reader.choice("output_format", image_formats()).value_or("png");
  if (const auto quality = reader.integer("output_compression", 0, 100)) {
    job.quality = std::max<int>(1, static_cast<int>(*quality));
  }
  // What cannot be had is refused; what only tunes another model's taste is passed over.
  (void)reader.choice("background", {"auto", "opaque"});
  if (reader.flag("stream").value_or(false)) {
    throw ApiError(400, "unsupported_parameter", "pictures are not streamed here; POST /v1/jobs has events", "stream");
  }
  read_common(reader, settings, job);
  return images;
}

Response create_image(Services& services, const Request& request) {
  ImagesRequest images = read_images(json_body(request), services.settings);
  complete(images.job, services.settings, services.models);
  const JobPointer job = submit(services, request, std::move(images.job));
  const JobState state = wait_for(services, request, job);
  nlohmann::json data = nlohmann::json::array();
  for (size_t i = 0; i < state.results.size(); ++i) {
    nlohmann::json image = {{"seed", state.results[i].seed}};
    if (images.as_url) {
      image["url"] = absolute_url(services, request, result_url(*job, i));
    } else {
      image["b64_json"] = base64(result_bytes(services, job, state.results[i]));
    }
    data.push_back(std::move(image));
  }
  return json_response({{"created", static_cast<int64_t>(job->created_at)},
                        {"data", std::move(data)},
                        {"output_format", job->request.format},
                        {"size", fmt::format("{}x{}", state.results.at(0).width, state.results.at(0).height)}});
}

}  // namespace

void add_openai_image_routes(Router& router, Services& services) {
  router.add("POST", "/v1/images/generations", Access::kKey,
             [&services](const Request& request, const PathValues&) { return create_image(services, request); });
}

}  // namespace swan::server

#include "server/openapi.h"

#include <map>

#include "server/embedded.h"
#include "server/request_reader.h"
#include "server/sd_samplers.h"

namespace swan::server {

namespace {

using Json = nlohmann::json;

struct Names {
  std::map<std::string, int64_t> limits;
  std::map<std::string, std::vector<std::string>> choices;
};

Names names_of(const ServerSettings& settings, const ModelPool& models) {
  const RequestLimits& l = settings.limits;
  Names names;
  names.limits = {{"max_width", l.max_width},   {"max_height", l.max_height},
                  {"max_frames", l.max_frames}, {"max_steps", l.max_steps},
                  {"max_n", l.max_n},           {"max_prompt_characters", l.max_prompt_characters}};
  names.choices = {{"schedulers", scheduler_choices()},
                   {"sd_samplers", sd_sampler_choices()},
                   {"image_models", {}},
                   {"video_models", {}},
                   {"loras", {}}};
  for (const ModelView& model : models.list()) {
    names.choices[model.kind == Kind::kImage ? "image_models" : "video_models"].push_back(model.name);
  }
  for (const LoraSource& lora : settings.loras) names.choices["loras"].push_back(lora.name);
  return names;
}

void fill_in(Json& node, const Names& names) {
  if (node.is_object()) {
    if (const auto limit = node.find("x-limit"); limit != node.end()) {
      node[node.contains("maxLength") ? "maxLength" : "maximum"] = names.limits.at(limit->get<std::string>());
      node.erase("x-limit");
    }
    if (const auto choice = node.find("x-choices"); choice != node.end()) {
      Json words = names.choices.at(choice->get<std::string>());
      // A type ["string", "null"] says that null is a choice too.
      if (node.value("type", Json()).is_array()) words.push_back(nullptr);
      node["enum"] = std::move(words);
      node.erase("x-choices");
      if (node["enum"].empty()) node = Json{{"not", Json::object()}};  // an enum must have something: nothing fits
    }
  }
  if (node.is_structured()) {
    for (Json& child : node) fill_in(child, names);
  }
}

}  // namespace

Json openapi_document(const ServerSettings& settings, const ModelPool& models) {
  Json document = Json::parse(embedded_file("openapi.json"));
  fill_in(document, names_of(settings, models));
  return document;
}

}  // namespace swan::server

#include "pipelines/parameters.h"

#include "core/error.h"
#include "io/config.h"
#include "io/json.h"
#include "swan/version.h"

namespace swan {

namespace pipelines {

std::string parameters_of(const ImageRequest& r, const RunFacts& facts, int64_t index) {
  const auto prompt_index = static_cast<size_t>(index / r.num_images_per_prompt);
  nlohmann::ordered_json j;
  j["software"] = "swan";
  j["version"] = version();
  j["pipeline"] = facts.pipeline;
  j["model"] = facts.model;
  if (!facts.revision.empty()) j["revision"] = facts.revision;
  j["variant"] = facts.load.variant;
  j["dtype"] = facts.load.dtype;
  j["device"] = "cpu";
  // The whole request, so that the batch can be repeated; `index` says which of its pictures this is.
  j["prompt"] = r.prompt;
  j["negative_prompt"] = r.negative_prompt;
  j["seed"] = r.seed.size() == 1 ? r.seed[0] : r.seed.at(static_cast<size_t>(index));
  j["seeds"] = r.seed;
  j["index"] = index;
  j["index_prompt"] = r.prompt.at(prompt_index);
  j["num_images_per_prompt"] = r.num_images_per_prompt;
  j["height"] = facts.height;
  j["width"] = facts.width;
  j["num_inference_steps"] = r.num_inference_steps;
  j["guidance_scale"] = r.guidance_scale;
  j["scheduler"] = facts.scheduler;
  j["scheduler_override"] = r.scheduler;
  j["scheduler_config"] = facts.scheduler_config;
  j["max_sequence_length"] = r.max_sequence_length;
  j["complex_human_instruction"] = facts.complex_human_instruction;
  j["use_resolution_binning"] = r.use_resolution_binning;
  if (r.vae_tiling)
    j["vae_tiling"] = {r.vae_tiling->tile_sample_min_height, r.vae_tiling->tile_sample_min_width,
                       r.vae_tiling->tile_sample_stride_height, r.vae_tiling->tile_sample_stride_width};
  j["initial_latents"] = r.latents.defined() ? "given" : "from seed";
  return j.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

namespace {
// Integers that must fit an int of the request; the ranges proper are checked when it runs.
int small_int(const io::Config& c, std::string_view key, int64_t fallback) {
  return static_cast<int>(c.get_in(key, fallback, 1, 1 << 20));
}
}  // namespace

}  // namespace pipelines

RepeatableRequest request_from_parameters(const std::string& json) {
  const io::Config c(io::parse_json(json, "the picture's settings"), "the picture's settings");
  if (c.get<std::string>("software", "") != "swan")
    fail(ErrorCode::kCorruptFile, "the picture's settings were not written by Swan; give a picture that Swan made.");
  if (c.get<std::string>("initial_latents", "from seed") != "from seed")
    fail(ErrorCode::kInvalidArgument,
         "the picture was made from latents in a file, which its settings do not hold; give that file again with "
         "--latents.");
  RepeatableRequest out;
  out.model = c.require<std::string>("model");
  if (out.model == pipelines::kEmbeddedModel) out.model.clear();
  out.load.variant = c.get<std::string>("variant", "");
  out.load.dtype = c.get<std::string>("dtype", "auto");
  out.load.device = c.get<std::string>("device", "auto");
  ImageRequest& r = out.request;
  r.prompt = c.require<std::vector<std::string>>("prompt");
  r.negative_prompt = c.get<std::vector<std::string>>("negative_prompt", {""});
  r.seed.clear();
  const nlohmann::json& seeds = c.json().contains("seeds") ? c.json().at("seeds") : nlohmann::json();
  if (!seeds.is_array() || seeds.empty()) c.wrong("seeds", "a list of seeds is needed");
  for (const auto& seed : seeds) {
    if (!seed.is_number_unsigned()) c.wrong("seeds", "seeds are whole numbers from 0");
    r.seed.push_back(seed.get<uint64_t>());
  }
  r.height = c.require_in("height", 1, 1 << 20);
  r.width = c.require_in("width", 1, 1 << 20);
  r.num_inference_steps = pipelines::small_int(c, "num_inference_steps", r.num_inference_steps);
  r.guidance_scale = c.get<double>("guidance_scale", r.guidance_scale);
  r.num_images_per_prompt = pipelines::small_int(c, "num_images_per_prompt", 1);
  r.scheduler = c.get<std::string>("scheduler_override", "");
  r.max_sequence_length = pipelines::small_int(c, "max_sequence_length", r.max_sequence_length);
  r.complex_human_instruction = c.get<std::vector<std::string>>("complex_human_instruction", {});
  r.use_resolution_binning = c.get<bool>("use_resolution_binning", true);
  if (c.has("vae_tiling")) {
    const auto t = c.get_list_in("vae_tiling", {}, 1, 1 << 20, 4);
    r.vae_tiling = VaeTiling{t[0], t[1], t[2], t[3]};
  }
  out.index = c.get_in("index", 0, 0, 1 << 20);
  return out;
}

}  // namespace swan

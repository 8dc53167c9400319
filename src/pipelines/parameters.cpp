#include "pipelines/parameters.h"

#include <array>
#include <cmath>

#include "core/error.h"
#include "io/config.h"
#include "io/json.h"
#include "swan/version.h"
#include "swan/video_pipeline.h"

namespace swan {

namespace pipelines {

namespace {

using Json = nlohmann::ordered_json;

// Files that stand for a repository's components, as LoadOptions name them.
struct FileKey {
  const char* key;
  std::string LoadOptions::*path;
};
constexpr std::array kFileKeys = {
    FileKey{"transformer", &LoadOptions::transformer},
    FileKey{"text_encoder", &LoadOptions::text_encoder},
    FileKey{"vae", &LoadOptions::vae},
    FileKey{"tokenizer", &LoadOptions::tokenizer},
    FileKey{"controlnet", &LoadOptions::controlnet},
};

constexpr const char* kCanny = "canny";
constexpr const char* kNoPreprocess = "none";

// What pictures and videos have in common. The whole request, so that the batch can be repeated; `index` says which of
// its results this is.
template <typename Request>
Json common(const Request& r, const RunFacts& facts, int64_t index, int64_t per_prompt) {
  Json j;
  j["software"] = "swan";
  j["version"] = version();
  j["pipeline"] = facts.pipeline;
  j["model"] = facts.model;
  if (!facts.revision.empty()) j["revision"] = facts.revision;
  j["variant"] = facts.load.variant;
  j["dtype"] = facts.load.dtype;
  for (const FileKey& f : kFileKeys)
    if (!(facts.load.*f.path).empty()) j[f.key] = facts.load.*f.path;
  j["device"] = facts.device;
  for (const LoraFacts& f : facts.loras)
    j["loras"].push_back(
        {{"path", f.lora.path}, {"scale", f.lora.scale}, {"keys", f.keys}, {"unused_keys", f.unused_keys}});
  if (!facts.loras.empty()) {
    j["lora_lenient"] = facts.load.lora_lenient;
    j["fuse_lora"] = facts.load.fuse_lora;
  }
  j["prompt"] = r.prompt;
  j["negative_prompt"] = r.negative_prompt;
  if (r.prompt_embeds.defined()) j["prompt_embeds"] = "given";
  if (r.negative_prompt_embeds.defined()) j["negative_prompt_embeds"] = "given";
  j["seed"] = r.seed.size() == 1 ? r.seed[0] : r.seed.at(static_cast<size_t>(index));
  j["seeds"] = r.seed;
  j["index"] = index;
  const auto prompt = static_cast<size_t>(index / per_prompt);
  if (prompt < r.prompt.size()) j["index_prompt"] = r.prompt[prompt];
  j["height"] = facts.height;
  j["width"] = facts.width;
  j["num_inference_steps"] = facts.num_inference_steps;
  j["guidance_scale"] = facts.guidance_scale;
  j["scheduler"] = facts.scheduler;
  j["scheduler_override"] = r.scheduler;
  if (r.flow_shift) j["flow_shift"] = *r.flow_shift;
  if (!r.sigma_schedule.empty()) j["sigma_schedule"] = r.sigma_schedule;
  if (!r.sigmas.empty()) j["sigmas"] = r.sigmas;
  if (!r.timesteps.empty()) j["timesteps"] = r.timesteps;
  j["scheduler_config"] = facts.scheduler_config;
  j["max_sequence_length"] = r.max_sequence_length;
  if (r.vae_tiling)
    j["vae_tiling"] = {r.vae_tiling->tile_sample_min_height, r.vae_tiling->tile_sample_min_width,
                       r.vae_tiling->tile_sample_stride_height, r.vae_tiling->tile_sample_stride_width};
  j["initial_latents"] = r.latents.defined() ? "given" : "from seed";
  return j;
}

std::string text_of(const Json& j) { return j.dump(-1, ' ', false, Json::error_handler_t::replace); }

// Integers that must fit an int of the request; the ranges proper are checked when it runs.
int small_int(const io::Config& c, std::string_view key, int64_t fallback) {
  return static_cast<int>(c.get_in(key, fallback, 1, 1 << 20));
}

std::vector<Lora> read_loras(const io::Config& c) {
  std::vector<Lora> loras;
  if (!c.has("loras")) return loras;
  const nlohmann::json& list = c.json().at("loras");
  if (!list.is_array()) c.wrong("loras", "a list is needed");
  for (const nlohmann::json& entry : list) {
    const io::Config lora(entry, c.path() + ", loras");
    const Lora& read = loras.emplace_back(Lora{lora.require<std::string>("path"), lora.require<double>("scale")});
    if (!std::isfinite(read.scale)) lora.wrong("scale", "a finite number is needed");
  }
  return loras;
}

// What `common` wrote, but for the settings that have a default of the model's, which the callers read.
template <typename Repeatable>
void read_common(const io::Config& c, Repeatable& out) {
  out.model = c.require<std::string>("model");
  if (out.model == kEmbeddedModel || out.model == kEmbeddedVideoModel) out.model.clear();
  out.load.variant = c.get<std::string>("variant", "");
  out.load.dtype = c.get<std::string>("dtype", "auto");
  for (const FileKey& f : kFileKeys) out.load.*f.path = c.get<std::string>(f.key, "");
  // What a GPU made is made anew on whatever there is: another machine's may differ by rounding, but need not refuse.
  const auto device = c.get<std::string>("device", "auto");
  out.load.device = device.starts_with("cuda") ? "auto" : device;
  out.load.lora = read_loras(c);
  out.load.lora_lenient = c.get<bool>("lora_lenient", false);
  out.load.fuse_lora = c.get<bool>("fuse_lora", false);
  auto& r = out.request;
  r.prompt = c.require<std::vector<std::string>>("prompt");
  r.negative_prompt = c.get<std::vector<std::string>>("negative_prompt", {""});
  r.seed.clear();
  const nlohmann::json& seeds = c.json().contains("seeds") ? c.json().at("seeds") : nlohmann::json();
  if (!seeds.is_array() || seeds.empty()) c.wrong("seeds", "a list of seeds is needed");
  for (const auto& seed : seeds) {
    if (!seed.is_number_unsigned()) c.wrong("seeds", "seeds are whole numbers from 0");
    r.seed.push_back(seed.template get<uint64_t>());
  }
  r.height = c.require_in("height", 1, 1 << 20);
  r.width = c.require_in("width", 1, 1 << 20);
  r.scheduler = c.get<std::string>("scheduler_override", "");
  r.flow_shift = c.optional<double>("flow_shift");
  r.sigma_schedule = c.get<std::string>("sigma_schedule", "");
  r.sigmas = c.get<std::vector<double>>("sigmas", {});
  r.timesteps = c.get<std::vector<double>>("timesteps", {});
  r.max_sequence_length = small_int(c, "max_sequence_length", r.max_sequence_length);
  if (c.has("vae_tiling")) {
    const auto t = c.get_list_in("vae_tiling", {}, 1, 1 << 20, 4);
    r.vae_tiling = VaeTiling{t[0], t[1], t[2], t[3]};
  }
  out.index = c.get_in("index", 0, 0, 1 << 20);
}

// The settings, once it is sure that they are Swan's, of this kind, and repeatable.
io::Config open_settings(const std::string& json, const std::string& what, bool video) {
  io::Config c(io::parse_json(json, what), what);
  if (c.get<std::string>("software", "") != "swan")
    fail(ErrorCode::kCorruptFile, "{} were not written by Swan; give a file that Swan made.", what);
  if (c.has("num_frames") != video)
    fail(ErrorCode::kInvalidArgument, "{} are those of a {}; repeat it with 'swan {}'.", what,
         video ? "picture" : "video", video ? "image" : "video");
  if (c.get<std::string>("initial_latents", "from seed") != "from seed")
    fail(ErrorCode::kInvalidArgument,
         "{} say that latents in a file were the start, which they do not hold; give that file again with --latents.",
         what);
  if (c.has("image"))
    fail(ErrorCode::kInvalidArgument,
         "{} say that a picture in a file was the start, which they do not hold; give that file again with --image.",
         what);
  if (c.has("video"))
    fail(ErrorCode::kInvalidArgument,
         "{} say that frames in a file were the start, which they do not hold; give that file again with --video or "
         "--image.",
         what);
  if (c.has("mask"))
    fail(ErrorCode::kInvalidArgument,
         "{} say that a mask in a file was used, which they do not hold; give that file again with --mask.", what);
  if (c.has("control_image"))
    fail(ErrorCode::kInvalidArgument,
         "{} say that a picture in a file was the control, which they do not hold; give that file again with "
         "--control-image.",
         what);
  for (const char* key : {"prompt_embeds", "negative_prompt_embeds"})
    if (c.has(key))
      fail(ErrorCode::kInvalidArgument,
           "{} say that embeddings in a file stood for the prompt, which they do not hold; give that file again with "
           "--prompt-embeds.",
           what);
  return c;
}

}  // namespace

std::string parameters_of(const ImageRequest& r, const RunFacts& facts, int64_t index) {
  Json j = common(r, facts, index, r.num_images_per_prompt);
  j["num_images_per_prompt"] = r.num_images_per_prompt;
  j["complex_human_instruction"] = facts.complex_human_instruction;
  j["use_resolution_binning"] = r.use_resolution_binning;
  if (r.max_timesteps) j["max_timesteps"] = *r.max_timesteps;
  if (r.intermediate_timesteps) j["intermediate_timesteps"] = *r.intermediate_timesteps;
  if (r.image) {
    j["image"] = "given";
    j["strength"] = facts.strength;
    if (r.mask) j["mask"] = "given";
  }
  if (r.pag_scale || facts.pag_scale > 0) j["pag_scale"] = facts.pag_scale;
  if (r.pag_adaptive_scale) j["pag_adaptive_scale"] = *r.pag_adaptive_scale;
  if (!r.pag_applied_layers.empty()) j["pag_applied_layers"] = r.pag_applied_layers;
  if (r.control_image) {
    j["control_image"] = "given";
    j["control_preprocess"] = r.control_preprocess == ControlPreprocess::kCanny ? kCanny : kNoPreprocess;
    j["controlnet_conditioning_scale"] = r.controlnet_conditioning_scale.value_or(1);
  }
  return text_of(j);
}

std::string parameters_of(const VideoRequest& r, const RunFacts& facts, int64_t index) {
  Json j = common(r, facts, index, r.num_videos_per_prompt);
  j["num_videos_per_prompt"] = r.num_videos_per_prompt;
  j["num_frames"] = facts.num_frames;
  if (!r.video.empty()) {
    j["video"] = "given";
    j["strength"] = facts.strength;
    if (r.mask) j["mask"] = "given";
  }
  return text_of(j);
}

}  // namespace pipelines

RepeatableRequest request_from_parameters(const std::string& json) {
  const io::Config c = pipelines::open_settings(json, "the picture's settings", false);
  RepeatableRequest out;
  pipelines::read_common(c, out);
  ImageRequest& r = out.request;
  if (c.has("num_inference_steps")) r.num_inference_steps = pipelines::small_int(c, "num_inference_steps", 0);
  r.guidance_scale = c.get<double>("guidance_scale", r.guidance_scale);
  r.num_images_per_prompt = pipelines::small_int(c, "num_images_per_prompt", 1);
  r.complex_human_instruction = c.get<std::vector<std::string>>("complex_human_instruction", {});
  r.use_resolution_binning = c.get<bool>("use_resolution_binning", true);
  r.max_timesteps = c.optional<double>("max_timesteps");
  r.intermediate_timesteps = c.optional<double>("intermediate_timesteps");
  r.strength = c.optional<double>("strength");
  r.pag_scale = c.optional<double>("pag_scale");
  r.pag_adaptive_scale = c.optional<double>("pag_adaptive_scale");
  r.pag_applied_layers = c.get<std::vector<std::string>>("pag_applied_layers", {});
  const auto preprocess = c.get<std::string>("control_preprocess", pipelines::kNoPreprocess);
  if (preprocess != pipelines::kNoPreprocess && preprocess != pipelines::kCanny)
    c.wrong("control_preprocess", "'canny' or 'none' is needed");
  if (preprocess == pipelines::kCanny) r.control_preprocess = ControlPreprocess::kCanny;
  r.controlnet_conditioning_scale = c.optional<double>("controlnet_conditioning_scale");
  return out;
}

RepeatableVideoRequest video_request_from_parameters(const std::string& json) {
  const io::Config c = pipelines::open_settings(json, "the video's settings", true);
  RepeatableVideoRequest out;
  pipelines::read_common(c, out);
  VideoRequest& r = out.request;
  r.num_inference_steps = pipelines::small_int(c, "num_inference_steps", 50);
  r.guidance_scale = c.require<double>("guidance_scale");
  r.num_videos_per_prompt = pipelines::small_int(c, "num_videos_per_prompt", 1);
  r.num_frames = c.require_in("num_frames", 1, 1 << 20);
  r.strength = c.optional<double>("strength");
  return out;
}

}  // namespace swan

#include "server/request_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "server/api_error.h"
#include "server/random.h"
#include "swan/error.h"
#include "swan/pipeline.h"
#include "swan/video.h"

namespace swan::server {

namespace {

constexpr int64_t kVideoMultiple = 16;  // of a video's sides, see VideoRequest

std::optional<int> small(std::optional<int64_t> value) {
  if (!value) return std::nullopt;
  return static_cast<int>(*value);
}

std::vector<LoraChoice> read_loras(const nlohmann::json& list, const ServerSettings& settings) {
  std::vector<std::string> names;
  for (const LoraSource& lora : settings.loras) names.push_back(lora.name);
  if (!list.is_array() || list.size() > kMaxLoras) {
    throw ApiError(400, "invalid_value", fmt::format("loras must be a list of at most {}", kMaxLoras), "loras");
  }
  std::vector<LoraChoice> loras;
  for (const nlohmann::json& entry : list) {
    if (!entry.is_object()) {
      throw ApiError(400, "invalid_value", "loras must hold objects {\"name\": ..., \"scale\": ...}", "loras");
    }
    BodyReader reader(entry, false);
    LoraChoice& lora = loras.emplace_back();
    lora.name = required(reader.choice("name", names), "name");
    lora.scale = reader.number("scale", -10, 10).value_or(1);
    reader.refuse_others();
  }
  return loras;
}

// A side of "1024x768"; 0 where it is none.
int64_t side(std::string_view text) noexcept {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : 0;
}

bool can_be_written(const std::string& video_format) {
  try {
    check_video_path("video." + video_format);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

const std::vector<std::string>& image_formats() {
  static const std::vector<std::string> formats = {"png", "jpeg", "webp"};
  return formats;
}
const std::vector<std::string>& video_formats() {
  static const std::vector<std::string> formats = [] {
    std::vector<std::string> found = {"mp4", "webm", "webp", "gif"};
    std::erase_if(found, [](const std::string& format) { return !can_be_written(format); });
    return found;
  }();
  return formats;
}

std::vector<std::string> scheduler_choices() {
  std::vector<std::string> names;
  for (const auto& [name, description] : scheduler_names()) names.push_back(name);
  return names;
}

void read_common(BodyReader& reader, const ServerSettings& settings, JobRequest& job) {
  const RequestLimits& limits = settings.limits;
  if (const auto model = reader.text("model", 64)) {
    if (model->empty()) throw ApiError(404, "model_not_found", "model is empty; leave it out for the first", "model");
    job.model = *model;
  }
  job.negative_prompt = reader.text("negative_prompt", limits.max_prompt_characters).value_or("");
  job.num_inference_steps = small(reader.integer("num_inference_steps", 1, limits.max_steps));
  job.guidance_scale = reader.number("guidance_scale", 0, kMaxGuidance);
  job.scheduler = reader.choice("scheduler", scheduler_choices()).value_or("");
  if (const auto seed = reader.integer("seed", 0, kMaxSeed)) job.seed = static_cast<uint64_t>(*seed);
}

JobRequest read_job(const nlohmann::json& body, const ServerSettings& settings) {
  const RequestLimits& limits = settings.limits;
  BodyReader reader(body, false);
  JobRequest job;
  job.kind = reader.choice("kind", {"image", "video"}).value_or("image") == "video" ? Kind::kVideo : Kind::kImage;
  job.prompt = required(reader.text("prompt", limits.max_prompt_characters), "prompt");
  read_common(reader, settings, job);
  job.width = reader.integer("width", kLeastSide, limits.max_width);
  job.height = reader.integer("height", kLeastSide, limits.max_height);
  job.flow_shift = reader.number("flow_shift", 0.001, 1000);
  if (const nlohmann::json* loras = reader.any("loras")) job.loras = read_loras(*loras, settings);
  job.preview = reader.flag("preview").value_or(true);
  if (job.kind == Kind::kVideo) {
    job.num_frames = reader.integer("num_frames", 1, limits.max_frames);
    job.fps = reader.number("fps", kLeastFps, kMostFps);
    job.format = reader.choice("format", video_formats()).value_or("");
  } else {
    job.n = static_cast<int>(reader.integer("n", 1, limits.max_n).value_or(1));
    job.quality = small(reader.integer("quality", 1, 100));
    job.format = reader.choice("format", image_formats()).value_or("");
  }
  reader.refuse_others();
  return job;
}

void read_size(const std::string& size, const ServerSettings& settings, JobRequest& job) {
  if (size == "auto") return;
  const size_t cross = size.find('x');
  const int64_t width = cross == std::string::npos ? 0 : side(std::string_view(size).substr(0, cross));
  const int64_t height = cross == std::string::npos ? 0 : side(std::string_view(size).substr(cross + 1));
  const RequestLimits& limits = settings.limits;
  if (width < kLeastSide || width > limits.max_width || height < kLeastSide || height > limits.max_height) {
    throw ApiError(400, "invalid_value",
                   fmt::format("size must be auto or WIDTHxHEIGHT, from {0}x{0} to {1}x{2}", kLeastSide,
                               limits.max_width, limits.max_height),
                   "size");
  }
  job.width = width;
  job.height = height;
}

void complete(JobRequest& job, const ServerSettings& settings, const ModelPool& models) {
  const std::optional<ModelView> model = job.model.empty() ? models.default_of(job.kind) : models.find(job.model);
  if (!model) {
    if (job.model.empty()) {
      throw ApiError(400, "no_model", fmt::format("this server has no model of kind {}", kind_name(job.kind)), "kind");
    }
    throw ApiError(404, "model_not_found", fmt::format("there is no model '{}'; see /v1/models", job.model), "model");
  }
  if (model->kind != job.kind) {
    throw ApiError(400, "wrong_model_kind",
                   fmt::format("model '{}' is of kind {}, and this asks for kind {}", model->name,
                               kind_name(model->kind), kind_name(job.kind)),
                   "model");
  }
  job.model = model->name;
  if (!job.negative_prompt.empty() && !model->defaults.negative_prompt) {
    throw ApiError(400, "invalid_value", fmt::format("model '{}' takes no negative prompt; leave it out", model->name),
                   "negative_prompt");
  }
  if (job.kind == Kind::kVideo) {
    if (job.width) job.width = *job.width / kVideoMultiple * kVideoMultiple;
    if (job.height) job.height = *job.height / kVideoMultiple * kVideoMultiple;
  }
  const int64_t pixels = job.width.value_or(model->defaults.width) * job.height.value_or(model->defaults.height);
  if (pixels > settings.limits.max_pixels) {
    throw ApiError(
        400, "invalid_value",
        fmt::format("width times height is {}; this server makes at most {}", pixels, settings.limits.max_pixels),
        "width");
  }
  if (job.kind == Kind::kVideo) {
    const int64_t frames = job.num_frames.value_or(model->defaults.num_frames.value_or(1));
    if (frames > settings.limits.max_video_pixels / pixels) {
      throw ApiError(400, "invalid_value",
                     fmt::format("width times height times frames is {}; this server makes videos of at most {} pixels",
                                 pixels * frames, settings.limits.max_video_pixels),
                     "num_frames");
    }
  }
  if (!job.seed) job.seed = random_seed();
  if (job.format.empty()) job.format = (job.kind == Kind::kVideo ? video_formats() : image_formats()).front();
}

}  // namespace swan::server

#include "fake_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <vector>

#include "swan/error.h"

namespace swan {

namespace cli {
FakeEngine& fake_engine() {
  static FakeEngine engine;
  return engine;
}
}  // namespace cli

using cli::fake_engine;

namespace {

// Embeddings that tell the prompts: a row holds its prompt's length.
PromptEmbeddings embeddings_of(const std::vector<std::string>& prompts) {
  const auto rows = static_cast<int64_t>(prompts.size());
  PromptEmbeddings out;
  out.embeds = Tensor::zeros({rows, 4, 2}, DType::kF32);
  out.attention_mask = Tensor::zeros({rows, 4}, DType::kI32);
  for (size_t i = 0; i < prompts.size(); ++i) {
    out.embeds.data_mut<float>()[i * 8] = static_cast<float>(prompts[i].size());
    out.attention_mask.data_mut<int32_t>()[i * 4] = 1;
  }
  return out;
}

size_t rows(const std::vector<std::string>& prompts, const PromptEmbeddings& embeddings) {
  return embeddings.defined() ? static_cast<size_t>(embeddings.embeds.dim(0)) : prompts.size();
}

class FakePipeline final : public ImagePipeline {
 public:
  ImageResult generate(const ImageRequest& request, const Callbacks& callbacks) override {
    fake_engine().request = request;
    fake_engine().requests.push_back(request);
    ++fake_engine().generated;
    const int steps = request.num_inference_steps.value_or(defaults().num_inference_steps);
    if (fake_engine().during) fake_engine().during(request, callbacks);
    if (callbacks.progress) callbacks.progress("denoise", steps, steps);
    ImageResult result;
    result.width = request.width.value_or(64);
    result.height = request.height.value_or(64);
    const size_t count =
        rows(request.prompt, request.prompt_embeds) * static_cast<size_t>(request.num_images_per_prompt);
    for (size_t i = 0; i < count; ++i) {
      result.images.push_back({.width = result.width, .height = result.height, .rgb = {}});
      result.parameters.push_back(
          fmt::format(R"({{"index": {}, "model": "fake", "scheduler": "dpmsolver++", "dtype": "f16"}})", i));
      result.blocked.push_back(fake_engine().blocks && fake_engine().blocks(static_cast<int64_t>(i), 0));
    }
    result.latents = Tensor::zeros({static_cast<int64_t>(count), 1, 2, 2}, DType::kF32);
    result.control_image = request.control_image;
    result.seconds = {{"encode", 0.25}, {"denoise", 1.5}};
    result.peak_bytes = size_t{3} << 20;
    return result;
  }
  PromptEmbeddings embed(const ImageRequest& request, const Callbacks& /*callbacks*/) override {
    fake_engine().embedded.push_back(request);
    return embeddings_of(request.prompt);
  }
  void set_loras(const std::vector<Lora>& loras) override { fake_engine().loras = loras; }
  int64_t default_size() const override { return 64; }
  ImageDefaults defaults() const override { return fake_engine().image_defaults; }
};

class FakeVideoPipeline final : public VideoPipeline {
 public:
  VideoResult generate(const VideoRequest& request, const VideoCallbacks& callbacks) override {
    fake_engine().video_requests.push_back(request);
    ++fake_engine().generated;
    if (fake_engine().during_video) fake_engine().during_video(request, callbacks);
    if (callbacks.progress) callbacks.progress("denoise", 1, 1);
    VideoResult result;
    result.width = request.width.value_or(defaults().width);
    result.height = request.height.value_or(defaults().height);
    result.num_frames = (request.num_frames.value_or(defaults().num_frames) - 1) / 4 * 4 + 1;
    const auto videos =
        static_cast<int64_t>(rows(request.prompt, request.prompt_embeds)) * request.num_videos_per_prompt;
    for (int64_t i = 0; i < videos; ++i) {
      result.parameters.push_back(fmt::format(
          R"({{"index": {}, "model": "fake", "scheduler": "unipc", "num_frames": {}}})", i, result.num_frames));
    }
    result.blocked.resize(static_cast<size_t>(videos));
    callbacks.begin({.videos = videos,
                     .height = result.height,
                     .width = result.width,
                     .num_frames = result.num_frames,
                     .parameters = result.parameters});
    for (int64_t video = 0; video < videos; ++video) {
      for (int64_t frame = 0; frame < result.num_frames; ++frame) {
        if (fake_engine().blocks && fake_engine().blocks(video, frame)) {
          result.blocked[static_cast<size_t>(video)] = true;
          break;
        }
        callbacks.frame(
            {.video = video, .frame = frame, .image = {.width = result.width, .height = result.height, .rgb = {}}});
        if (fake_engine().after_frame) fake_engine().after_frame(video, frame);
      }
    }
    result.latents = Tensor::zeros({videos, 1, 3, 2, 2}, DType::kF32);
    result.seconds = {{"encode", 0.25}, {"denoise", 1.5}, {"decode", 0.5}};
    result.stage_peak_bytes = {{"encode", size_t{1} << 20}, {"decode", size_t{2} << 20}};
    result.peak_bytes = size_t{3} << 20;
    return result;
  }
  void set_loras(const std::vector<Lora>& loras) override { fake_engine().loras = loras; }
  const VideoDefaults& defaults() const override { return fake_engine().video_defaults; }
  PromptEmbeddings embed(const std::vector<std::string>& prompts, int max_sequence_length,
                         const Callbacks& /*callbacks*/) override {
    ImageRequest request;
    request.prompt = prompts;
    request.max_sequence_length = max_sequence_length;
    fake_engine().embedded.push_back(request);
    return embeddings_of(prompts);
  }
};

// Has a file of another name until it is finished; a folder of frames is a folder with one file.
class FakeWriter final : public VideoWriter {
 public:
  FakeWriter(std::string path, std::string line) : path_(std::move(path)), line_(std::move(line)) {
    part_ = (path_.ends_with('/') ? path_.substr(0, path_.size() - 1) : path_) + ".part";
    if (!std::ofstream(part_)) throw Error(ErrorCode::kIo, fmt::format("cannot write '{}'", path_));
  }
  ~FakeWriter() override { std::remove(part_.c_str()); }
  void write(const Image& /*frame*/) override {
    if (fake_engine().writing) fake_engine().writing(path_, frames_);
    ++frames_;
  }
  void finish() override {
    if (fake_engine().writing) fake_engine().writing(path_, -1);
    std::ofstream(part_) << frames_ << " frames " << line_;
    std::rename(part_.c_str(), path_.ends_with('/') ? path_.substr(0, path_.size() - 1).c_str() : path_.c_str());
  }

 private:
  std::string path_, part_, line_;
  int64_t frames_ = 0;
};

}  // namespace

ImagePipeline::~ImagePipeline() = default;
VideoPipeline::~VideoPipeline() = default;
VideoWriter::~VideoWriter() = default;

std::unique_ptr<ImagePipeline> ImagePipeline::open(const std::string& path, const LoadOptions& options) {
  fake_engine().model = path;
  fake_engine().load = options;
  return std::make_unique<FakePipeline>();
}

std::unique_ptr<VideoPipeline> VideoPipeline::open(const std::string& path, const LoadOptions& options) {
  fake_engine().model = path;
  fake_engine().load = options;
  return std::make_unique<FakeVideoPipeline>();
}

EmbedCacheOptions default_embed_cache() { return {.directory = "its cache"}; }
std::string model_kind(const std::string& /*path*/, const LoadOptions& /*options*/) { return fake_engine().kind; }
std::string default_image_model() { return "embedded"; }
std::string default_video_model() { return "embedded video"; }

RepeatableRequest request_from_parameters(const std::string& json) {
  fake_engine().repeated = json;
  return fake_engine().repeatable;
}
RepeatableVideoRequest video_request_from_parameters(const std::string& json) {
  fake_engine().repeated = json;
  return fake_engine().repeatable_video;
}

std::vector<std::pair<std::string, std::string>> scheduler_names() {
  return {{"dpmsolver++", "second order"}, {"flow-euler", "first order"}};
}
std::vector<std::pair<std::string, std::string>> sigma_schedule_names() {
  return {{"simple", "even"}, {"karras", "uneven"}, {"beta", "both"}};
}
const std::vector<VideoPreset>& video_presets() {
  static const std::vector<VideoPreset> presets = {{.name = "fastwan", .description = "few", .scheduler = "dmd"}};
  return presets;
}
void apply_preset(const std::string& name, VideoRequest& request) {
  if (!request.num_inference_steps) request.num_inference_steps = 3;
  if (!request.guidance_scale) request.guidance_scale = 1;
  if (request.scheduler.empty()) request.scheduler = "of " + name;
}
bool ModelInfo::complete() const {
  for (const ComponentInfo& component : components) {
    if (!component.missing.empty()) return false;
  }
  return true;
}
ModelInfo inspect_model(const std::string& path, const std::string& /*variant*/) {
  fake_engine().inspected = path;
  return fake_engine().info;
}
bool is_single_file(const std::string& path) { return path.ends_with(".safetensors"); }
FileInfo inspect_file(const std::string& path) {
  FileInfo info = fake_engine().file;
  info.path = path;
  return info;
}
ConvertResult convert_model(const std::string& path, const LoadOptions& files, const std::string& output,
                            const ConvertOptions& options, const Callbacks& callbacks) {
  auto& fake = fake_engine();
  fake.model = path;
  fake.load = files;
  fake.converted_to = output;
  fake.convert = options;
  callbacks.progress("vae", 1, 1);
  ConvertedComponent written;
  written.name = "vae";
  written.class_name = "AutoencoderDC";
  written.source = path;
  written.names = "names";
  written.tensors = 3;
  return {.class_name = "", .components = {written}};
}
// "hub/..." are the names of its hub; they become "cache/...".
bool is_hub_name(const std::string& name, const HubOptions& /*hub*/) { return name.starts_with("hub/"); }
uint64_t PullResult::bytes() const { return 3072; }
uint64_t PullResult::missing_bytes() const { return 1024; }
PullResult pull_model(const std::string& name, const PullOptions& options, const HubOptions& hub,
                      const HubCallbacks& callbacks) {
  fake_engine().hub = hub;
  fake_engine().pull = options;
  fake_engine().pulled.push_back(name);
  PullResult result{.repo = name, .commit = std::string(40, 'c'), .path = "cache" + name.substr(3), .files = {}};
  result.files = {{.path = "a.json", .bytes = 1024, .cached = false},
                  {.path = "b.json", .bytes = 2048, .cached = true}};
  callbacks.begin(result);
  callbacks.progress(
      {.stage = "download", .file = "a.json", .files_done = 1, .files = 1, .bytes_done = 1024, .bytes = 1024});
  return result;
}
PushResult push_model(const std::string& folder, const std::string& name, const PushOptions& options,
                      const HubOptions& hub, const HubCallbacks& callbacks) {
  fake_engine().hub = hub;
  fake_engine().push = options;
  fake_engine().pulled = {folder, name};
  callbacks.progress({.stage = "upload", .files_done = 1, .files = 1, .bytes_done = 5, .bytes = 5});
  return fake_engine().push_result;
}
std::string model_card(const std::string& folder, const CardOptions& options) {
  fake_engine().card = options;
  return "card of " + folder + "\n";
}
void write_model_card(const std::string& path, const std::string& text, bool /*overwrite*/) {
  std::ofstream(path) << text;
}
void pull_models(std::string& model, LoadOptions& load, const HubOptions& hub, const HubCallbacks& callbacks) {
  for (std::string* path : {&model, &load.transformer, &load.vae, &load.controlnet})
    if (is_hub_name(*path, hub)) *path = pull_model(*path, {}, hub, callbacks).path;
}
Tensor load_tensor(const std::string& path, const std::string& name) {
  if (path == "nan.safetensors") return Tensor::full({1, 4, 2, 2}, NAN);
  if (path != "noise.safetensors" || name != "latents") {
    throw Error(ErrorCode::kNotFound, fmt::format("no tensor '{}' in '{}'", name, path));
  }
  return Tensor::full({1, 4, 2, 2}, 0.5F);
}
void save_tensor(const std::string& path, const std::string& name, const Tensor& tensor) {
  std::ofstream(path) << name << " " << tensor.shape().str();
}
PromptEmbeddings load_prompt_embeddings(const std::string& path, bool negative) {
  if (path != "embeds.safetensors") throw Error(ErrorCode::kNotFound, fmt::format("there is no '{}'", path));
  if (negative && !fake_engine().negative_embeddings) return {};
  return embeddings_of(std::vector<std::string>(static_cast<size_t>(fake_engine().embedding_rows)));
}
void save_prompt_embeddings(const std::string& path, const PromptEmbeddings& positive,
                            const PromptEmbeddings& negative) {
  std::ofstream(path) << positive.embeds.shape().str() << (negative.defined() ? negative.embeds.shape().str() : "");
}
PromptEmbeddings interpolate_embeddings(const PromptEmbeddings& a, const PromptEmbeddings& b, double position,
                                        bool spherical) {
  PromptEmbeddings out = {.embeds = a.embeds.clone(), .attention_mask = a.attention_mask};
  const float x = a.embeds.data<float>()[0];
  const float y = b.embeds.data<float>()[0];
  out.embeds.data_mut<float>()[0] = x + (y - x) * static_cast<float>(position) + (spherical ? 1000.0F : 0.0F);
  return out;
}
void set_threads(int threads) { fake_engine().threads = threads; }

void save_image(const std::string& path, const Image& image, const ImageMetadata& metadata,
                const SaveImageOptions& /*options*/) {
  if (fake_engine().saving) fake_engine().saving(path);
  fake_engine().saved.push_back(path);
  std::ofstream(path) << image.width << "x" << image.height << " "
                      << (metadata.contains("swan") ? metadata.at("swan") : "no settings");
}
Image read_image(const std::string& path) {
  if (path != "fox.png") throw Error(ErrorCode::kNotFound, fmt::format("there is no '{}'", path));
  return {.width = 1, .height = 1, .rgb = {9, 8, 7}};
}
std::vector<Image> read_video(const std::string& path, int64_t max_frames) {
  if (path != "fox.mp4") throw Error(ErrorCode::kNotFound, fmt::format("there is no '{}'", path));
  constexpr int64_t kFrames = 7;
  return std::vector<Image>(static_cast<size_t>(std::min(kFrames, max_frames)),
                            Image{.width = 1, .height = 1, .rgb = {9, 8, 7}});
}

ImageMetadata read_image_metadata(const std::string& path) {
  if (fake_engine().metadata_error) throw Error(*fake_engine().metadata_error, fmt::format("'{}' is no picture", path));
  return fake_engine().metadata;
}
void check_image_path(const std::string& path) {
  if (!path.ends_with(".png")) throw Error(ErrorCode::kInvalidArgument, fmt::format("'{}' is no .png", path));
}

std::unique_ptr<VideoWriter> VideoWriter::open(const std::string& path, int64_t width, int64_t height,
                                               const ImageMetadata& metadata, const SaveVideoOptions& options) {
  fake_engine().opened_videos.push_back(path);
  fake_engine().save_videos.push_back(options);
  if (width % 2 != 0) throw Error(ErrorCode::kInvalidArgument, fmt::format("'{}': odd width {}", path, width));
  const auto settings = metadata.find("swan");
  return std::make_unique<FakeWriter>(
      path, fmt::format("{}x{} {}", width, height, settings == metadata.end() ? "" : settings->second));
}
ImageMetadata read_video_metadata(const std::string& path) {
  if (fake_engine().video_metadata_error) {
    throw Error(*fake_engine().video_metadata_error, fmt::format("'{}' is no video", path));
  }
  return fake_engine().video_metadata;
}
void check_video_path(const std::string& path) {
  for (const std::string& extension : fake_engine().video_extensions) {
    if (path.ends_with(extension)) return;
  }
  throw Error(ErrorCode::kInvalidArgument, fmt::format("'{}' is no video's name", path));
}

}  // namespace swan

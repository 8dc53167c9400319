#include "fake_engine.h"

#include <fmt/format.h>

#include <cmath>
#include <fstream>

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

class FakePipeline final : public ImagePipeline {
 public:
  ImageResult generate(const ImageRequest& request, const Callbacks& callbacks) override {
    fake_engine().request = request;
    ++fake_engine().generated;
    if (callbacks.progress) callbacks.progress("denoise", request.num_inference_steps, request.num_inference_steps);
    if (fake_engine().during) fake_engine().during(request, callbacks);
    ImageResult result;
    result.width = request.width.value_or(64);
    result.height = request.height.value_or(64);
    const size_t count = request.prompt.size() * static_cast<size_t>(request.num_images_per_prompt);
    for (size_t i = 0; i < count; ++i) {
      result.images.push_back({.width = result.width, .height = result.height, .rgb = {}});
      result.parameters.push_back(
          fmt::format(R"({{"index": {}, "model": "fake", "scheduler": "dpmsolver++", "dtype": "f16"}})", i));
    }
    result.latents = Tensor::zeros({static_cast<int64_t>(count), 1, 2, 2}, DType::kF32);
    result.seconds = {{"encode", 0.25}, {"denoise", 1.5}};
    result.peak_bytes = size_t{3} << 20;
    return result;
  }
  int64_t default_size() const override { return 64; }
};

}  // namespace

ImagePipeline::~ImagePipeline() = default;

std::unique_ptr<ImagePipeline> ImagePipeline::open(const std::string& path, const LoadOptions& options) {
  fake_engine().model = path;
  fake_engine().load = options;
  return std::make_unique<FakePipeline>();
}

RepeatableRequest request_from_parameters(const std::string& /*json*/) { return fake_engine().repeatable; }
std::string default_image_model() { return "embedded"; }
std::vector<std::pair<std::string, std::string>> scheduler_names() {
  return {{"dpmsolver++", "second order"}, {"flow-euler", "first order"}};
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
void set_threads(int threads) { fake_engine().threads = threads; }

void save_image(const std::string& path, const Image& image, const ImageMetadata& metadata,
                const SaveImageOptions& /*options*/) {
  if (fake_engine().saving) fake_engine().saving(path);
  fake_engine().saved.push_back(path);
  std::ofstream(path) << image.width << "x" << image.height << " " << metadata.at("swan");
}
ImageMetadata read_image_metadata(const std::string& /*path*/) { return fake_engine().metadata; }
void check_image_path(const std::string& path) {
  if (!path.ends_with(".png")) throw Error(ErrorCode::kInvalidArgument, fmt::format("'{}' is no .png", path));
}

}  // namespace swan

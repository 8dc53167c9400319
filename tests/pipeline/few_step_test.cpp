// Networks distilled to a few steps, and the points in time that a request can give.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/generator.h"
#include "cpu/kernels.h"
#include "io/config.h"
#include "io/safetensors.h"
#include "io/weights.h"
#include "models/wan_transformer.h"
#include "nn/scope.h"
#include "pipeline/tiny_requests.h"
#include "support/close.h"
#include "support/expect_error.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "swan/log.h"
#include "swan/pipeline.h"
#include "swan/video_pipeline.h"

namespace swan {
namespace {

namespace fs = std::filesystem;

// The tiny Wan as FastVideo's repositories are: another class, and no text encoder where embeddings are given.
class DistilledRepository {
 public:
  explicit DistilledRepository(const std::vector<std::string>& left_out = {}) {
    const fs::path source = support::golden_path("models/wan");
    nlohmann::json index = support::read_json((source / "model_index.json").string());
    index["_class_name"] = "WanDMDPipeline";
    (void)dir_.write("model_index.json", index.dump());
    for (const char* part : {"scheduler", "text_encoder", "tokenizer", "transformer", "vae"})
      if (std::find(left_out.begin(), left_out.end(), part) == left_out.end())
        fs::create_directory_symlink(source / part, dir_.file(part));
  }
  [[nodiscard]] const support::TempDir& dir() const { return dir_; }
  [[nodiscard]] std::unique_ptr<VideoPipeline> open() const { return VideoPipeline::open(dir_.path()); }

 private:
  support::TempDir dir_;
};

VideoRequest quick() {
  VideoRequest r = tiny_clip();
  r.num_inference_steps.reset();
  return r;
}

ImageRequest small_picture() {
  ImageRequest r;
  r.prompt = {"a red cat"};
  r.height = r.width = 128;
  r.use_resolution_binning = false;
  r.decode = false;
  return r;
}

std::unique_ptr<VideoPipeline> tiny() { return VideoPipeline::open(support::golden_path("models/wan")); }

// FastVideo's loop, over the network called by hand: to x0 at timesteps 1000, 757 and 522 of a flow shifted by 8, whose
// training table's nearest points are 1000, 280 and 120 of 1000 before the shift, and back with fresh noise.
TEST(FewSteps, OfDMDAreThoseComputedByHand) {
  VideoRequest r = quick();
  const PromptEmbeddings text = tiny()->embed(r.prompt, r.max_sequence_length, {});
  const std::string folder = support::golden_path("models/wan/transformer");
  const auto weights = io::Weights::open(folder, "diffusion_pytorch_model", "");
  const models::WanTransformer3DModel network(models::WanConfig::parse(io::Config::read(folder + "/config.json")),
                                              nn::Scope(weights));
  Context ctx(backends::cpu_kernels());
  const models::WanText encoded = network.encode_text(text.embeds, ctx);
  Generator generator(7);
  const Shape shape = {1, 8, 2, 4, 6};
  Tensor x = generator.randn(shape);
  const std::array timesteps = {1000.0F, 757.0F, 522.0F};
  const std::array before_shift = {1.0, 0.28, 0.12, 0.0};
  for (size_t i = 0; i < 3; ++i) {
    const auto sigma = [&](size_t at) { return 8 * before_shift[at] / (1 + 7 * before_shift[at]); };
    const Tensor v = network.forward(x, Tensor::full({1}, timesteps[i]), encoded, ctx);
    const Tensor noise = generator.randn(shape);
    Tensor next = Tensor::empty(shape, DType::kF32);
    for (int64_t n = 0; n < x.numel(); ++n) {
      const double x0 = x.data<float>()[n] - sigma(i) * v.data<float>()[n];
      next.data_mut<float>()[n] = static_cast<float>((1 - sigma(i + 1)) * x0 + sigma(i + 1) * noise.data<float>()[n]);
    }
    x = next;
  }

  apply_preset("fastwan", r);
  EXPECT_TRUE(support::close(tiny()->generate(r).latents, x, 2e-5));
}

// No second pass: it would need embeddings of a negative prompt, which nothing here can make.
TEST(FewSteps, ARepositoryOfFastWanSetsThemAndRunsOnePassAStep) {
  const DistilledRepository repository({"text_encoder", "tokenizer"});
  VideoRequest r = quick();
  VideoRequest with_preset = r;
  apply_preset("fastwan", with_preset);
  const VideoResult expected = tiny()->generate(with_preset);

  EXPECT_EQ(model_kind(repository.dir().path()), "video");
  const auto pipeline = repository.open();
  EXPECT_EQ(pipeline->defaults().preset, "fastwan");
  EXPECT_EQ(pipeline->defaults().num_inference_steps, 3);
  EXPECT_EQ(pipeline->defaults().guidance_scale, 1);
  r.prompt_embeds = tiny()->embed(r.prompt, r.max_sequence_length, {});
  r.prompt.clear();
  int steps = 0;
  VideoCallbacks callbacks;
  callbacks.progress = [&](const std::string& stage, int, int total) {
    if (stage == "denoise") steps = total;
  };
  const VideoResult result = pipeline->generate(r, callbacks);
  EXPECT_EQ(steps, 3);
  EXPECT_TRUE(support::identical(result.latents, expected.latents));
  const auto settings = nlohmann::json::parse(result.parameters.at(0));
  EXPECT_EQ(settings.at("scheduler"), "dmd");
  EXPECT_EQ(settings.at("num_inference_steps"), 3);
  EXPECT_EQ(settings.at("timesteps"), nlohmann::json({1000.0, 757.0, 522.0}));
  EXPECT_EQ(settings.at("flow_shift"), 8);
  EXPECT_EQ(settings.at("guidance_scale"), 1);
  EXPECT_EQ(settings.at("pipeline"), "WanDMDPipeline");
  r.guidance_scale = 3;  // what is asked for comes before the preset
  EXPECT_THROW((void)pipeline->generate(r), Error);
}

TEST(FewSteps, TheNegativePromptCountsForNothing) {
  VideoRequest r = quick();
  r.num_inference_steps = 2;
  r.guidance_scale = 1;
  const VideoResult plain = tiny()->generate(r);
  r.negative_prompt = {"everything"};
  EXPECT_TRUE(support::identical(tiny()->generate(r).latents, plain.latents));
  r.guidance_scale = 1.5;
  EXPECT_FALSE(support::identical(tiny()->generate(r).latents, plain.latents));
}

TEST(FewSteps, AreRepeatedFromTheirSettings) {
  const DistilledRepository repository;
  const VideoResult first = repository.open()->generate(quick());
  const RepeatableVideoRequest again = video_request_from_parameters(first.parameters.at(0));
  EXPECT_EQ(again.request.timesteps, (std::vector<double>{1000, 757, 522}));
  const VideoResult second = VideoPipeline::open(again.model, again.load)->generate(again.request);
  EXPECT_TRUE(support::identical(second.latents, first.latents));
  EXPECT_EQ(second.parameters, first.parameters);
}

TEST(FewSteps, TheGatesOfSparseAttentionAreLeftOut) {
  const DistilledRepository repository({"transformer"});
  const fs::path source = support::golden_path("models/wan/transformer");
  fs::create_directory(repository.dir().file("transformer"));
  fs::create_symlink(source / "config.json", repository.dir().file("transformer/config.json"));
  std::map<std::string, Tensor> tensors;
  const auto weights = io::Weights::open(source.string(), "diffusion_pytorch_model", "");
  for (const std::string& name : weights->names()) tensors[name] = weights->take(name, weights->shape(name));
  tensors["blocks.0.attn1.to_gate_compress.weight"] = Tensor::zeros({16, 16}, DType::kF32);
  const auto write = [&] {
    io::write_safetensors(repository.dir().file("transformer/diffusion_pytorch_model.safetensors"), tensors);
  };
  write();
  std::string logged;
  set_log_sink([&](LogLevel level, const std::string& message) {
    if (level == LogLevel::kWarning) logged += message;
  });
  const VideoResult result = repository.open()->generate(quick());
  EXPECT_NE(logged.find("sparse attention"), std::string::npos) << logged;
  EXPECT_TRUE(support::identical(result.latents, DistilledRepository().open()->generate(quick()).latents));

  tensors["blocks.0.attn1.to_something.weight"] = Tensor::zeros({16, 16}, DType::kF32);
  write();
  expect_error(ErrorCode::kMissingTensor, {"to_something", "belong to nothing"},
               [&] { (void)repository.open()->generate(quick()); });
  set_log_sink({});
}

TEST(Presets, FillInWhatIsNotAskedFor) {
  for (const VideoPreset& preset : video_presets()) {
    VideoRequest r = quick();
    apply_preset(preset.name, r);
    EXPECT_EQ(r.num_inference_steps, preset.num_inference_steps) << preset.name;
    EXPECT_EQ(r.guidance_scale, 1) << preset.name;
    EXPECT_EQ(r.scheduler, preset.scheduler) << preset.name;
    EXPECT_EQ(r.flow_shift, preset.flow_shift) << preset.name;
    EXPECT_EQ(r.sigmas, preset.sigmas) << preset.name;
    EXPECT_EQ(r.timesteps, preset.timesteps) << preset.name;
    EXPECT_FALSE(preset.description.empty());
    const VideoResult result = tiny()->generate(r);
    const auto settings = nlohmann::json::parse(result.parameters.at(0));
    EXPECT_EQ(settings.at("num_inference_steps"), preset.num_inference_steps) << preset.name;
  }
  const auto with = [](const auto& change) {
    VideoRequest r = quick();
    change(r);
    apply_preset("fastwan", r);
    return r;
  };
  EXPECT_EQ(with([](VideoRequest& r) { r.flow_shift = 5; }).flow_shift, 5);
  EXPECT_EQ(with([](VideoRequest& r) { r.guidance_scale = 2; }).guidance_scale, 2);
  EXPECT_EQ(with([](VideoRequest& r) { r.flow_shift = 5; }).timesteps.size(), 3U);
  const VideoRequest more = with([](VideoRequest& r) { r.num_inference_steps = 4; });
  EXPECT_EQ(more.num_inference_steps, 4);
  EXPECT_EQ(more.scheduler, "dmd");
  EXPECT_TRUE(more.timesteps.empty());
  const VideoRequest other = with([](VideoRequest& r) { r.scheduler = "unipc"; });
  EXPECT_EQ(other.num_inference_steps, 3);
  EXPECT_TRUE(other.timesteps.empty());
  const VideoRequest own = with([](VideoRequest& r) { r.sigmas = {1, 0.5}; });
  EXPECT_FALSE(own.num_inference_steps);
  EXPECT_EQ(own.sigmas.size(), 2U);
  EXPECT_TRUE(own.timesteps.empty());
  expect_error(ErrorCode::kInvalidArgument, {"'slow'", "fastwan, causvid"}, [] {
    VideoRequest r = quick();
    apply_preset("slow", r);
  });
}

// rCM's noise is that of its first time, below 1.
TEST(Presets, RCMStartsBelowNoiseAlone) {
  VideoRequest r = quick();
  apply_preset("rcm", r);
  const Tensor noise = Generator(7).randn({1, 8, 2, 4, 6});
  const VideoResult from_seed = tiny()->generate(r);
  // The noise in a file is the seed's, and the draws after it are others: the first step alone tells.
  r.num_inference_steps.reset();
  r.sigmas = {r.sigmas[0]};
  const VideoResult one = tiny()->generate(r);
  r.latents = noise;
  EXPECT_TRUE(support::identical(tiny()->generate(r).latents, one.latents));
  EXPECT_FALSE(support::identical(from_seed.latents, one.latents));
  r.scheduler = "flow-lcm";  // along the same points, from noise as it is
  EXPECT_FALSE(support::identical(tiny()->generate(r).latents, one.latents));
  Tensor scaled = noise.clone();
  for (int64_t i = 0; i < scaled.numel(); ++i) scaled.data_mut<float>()[i] *= 80.0F / 81;
  r.latents = scaled;
  EXPECT_TRUE(support::close(tiny()->generate(r).latents, one.latents, 1e-5));
}

TEST(GivenPoints, AreTakenBySanaToo) {
  const auto sana = ImagePipeline::open(support::golden_path("models/sana"));
  ImageRequest r = small_picture();
  r.flow_shift = 3;
  r.scheduler = "flow-euler";
  r.sigma_schedule = "beta";
  r.num_inference_steps = 3;
  const ImageResult beta = sana->generate(r);
  r.sigma_schedule.clear();
  r.num_inference_steps.reset();
  r.sigmas = {0.9, 0.4};
  const ImageResult given = sana->generate(r);
  const auto settings = nlohmann::json::parse(given.parameters.at(0));
  EXPECT_EQ(settings.at("num_inference_steps"), 2);
  EXPECT_EQ(settings.at("sigmas"), nlohmann::json({0.9, 0.4}));
  for (const ImageResult* first : {&beta, &given}) {
    const RepeatableRequest again = request_from_parameters(first->parameters.at(0));
    ImageRequest repeated = again.request;
    repeated.decode = false;
    EXPECT_TRUE(support::identical(sana->generate(repeated).latents, first->latents));
  }
  // Levels and timesteps are two names of the same.
  r.sigmas.clear();
  r.flow_shift = 1;
  r.timesteps = {900, 400};
  const Tensor by_timesteps = sana->generate(r).latents;
  r.timesteps.clear();
  r.sigmas = {0.9, 0.4};
  EXPECT_TRUE(support::close(sana->generate(r).latents, by_timesteps, 1e-6));

  const auto refused = [&](ErrorCode code, const std::vector<std::string>& parts, const auto& change) {
    ImageRequest wrong = r;
    change(wrong);
    expect_error(code, parts, [&] { (void)sana->generate(wrong); });
  };
  refused(ErrorCode::kInvalidArgument, {"num_inference_steps is 3"},
          [](ImageRequest& x) { x.num_inference_steps = 3; });
  refused(ErrorCode::kInvalidArgument, {"below the one before"}, [](ImageRequest& x) { x.sigmas = {0.4, 0.9}; });
  refused(ErrorCode::kInvalidArgument, {"ends with 0"}, [](ImageRequest& x) { x.sigmas = {0.9, 0.4, 0}; });
  refused(ErrorCode::kUnsupported, {"flow-heun", "no list"}, [](ImageRequest& x) { x.scheduler = "flow-heun"; });
  refused(ErrorCode::kUnsupported, {"dpmsolver++", "karras"}, [](ImageRequest& x) {
    x.scheduler = "dpmsolver++";
    x.sigma_schedule = "karras";
  });
}

// Heun's method asks the network twice for each step but the last.
TEST(GivenPoints, HeunTakesTwiceTheNetwork) {
  const auto sana = ImagePipeline::open(support::golden_path("models/sana"));
  ImageRequest r = small_picture();
  r.scheduler = "flow-heun";
  r.num_inference_steps = 3;
  int evaluations = 0;
  Callbacks callbacks;
  callbacks.progress = [&](const std::string& stage, int done, int total) {
    if (stage != "denoise") return;
    EXPECT_EQ(total, 5);
    evaluations = done;
  };
  const ImageResult result = sana->generate(r, callbacks);
  EXPECT_EQ(evaluations, 5);
  EXPECT_EQ(nlohmann::json::parse(result.parameters.at(0)).at("num_inference_steps"), 3);
}

TEST(GivenPoints, OfSprintAreAngles) {
  const auto sprint = ImagePipeline::open(support::golden_path("models/sana_sprint"));
  ImageRequest r = small_picture();
  const ImageResult standard = sprint->generate(r);
  for (const std::vector<double>& angles : {std::vector<double>{1.5708, 1.3}, {1.5708, 1.3, 0}}) {
    r.timesteps = angles;
    EXPECT_TRUE(support::identical(sprint->generate(r).latents, standard.latents));
  }
  const auto refused = [&](const std::string& part, const auto& change) {
    ImageRequest wrong = r;
    change(wrong);
    expect_error(ErrorCode::kInvalidArgument, {part}, [&] { (void)sprint->generate(wrong); });
  };
  refused("both timesteps and max_timesteps", [](ImageRequest& x) { x.max_timesteps = 1.5; });
  refused("2 angles", [](ImageRequest& x) { x.num_inference_steps = 3; });
  refused("descend", [](ImageRequest& x) { x.timesteps = {1, 1.2}; });
  refused("sigmas is not for Sana-Sprint", [](ImageRequest& x) { x.sigmas = {1}; });
  refused("sigma_schedule is not for Sana-Sprint", [](ImageRequest& x) { x.sigma_schedule = "beta"; });
}

}  // namespace
}  // namespace swan

// What a caller of VideoPipeline relies on besides the frames: errors, sizes, streaming, cancellation, repetition.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <limits>

#include "core/allocator.h"
#include "core/generator.h"
#include "cpu/kernels.h"
#include "io/config.h"
#include "models/autoencoder_kl_wan.h"
#include "pipeline/tiny_requests.h"
#include "support/close.h"
#include "support/expect_error.h"
#include "support/golden.h"
#include "support/paths.h"
#include "support/picture.h"
#include "support/temp_dir.h"
#include "swan/error.h"
#include "swan/log.h"
#include "swan/video_pipeline.h"

namespace swan {
namespace {

std::unique_ptr<VideoPipeline> tiny(const LoadOptions& options = {}) {
  return VideoPipeline::open(support::golden_path("models/wan"), options);
}

void expect_error(const VideoRequest& request, ErrorCode code, const std::string& text) {
  swan::expect_error(code, {text}, [&] { (void)tiny()->generate(request); });
}

TEST(WanRequests, RefusesWhatCannotBeMade) {
  const auto with = [](const auto& change) {
    VideoRequest r = tiny_clip();
    change(r);
    return r;
  };
  expect_error(with([](VideoRequest& r) { r.width = 40; }), ErrorCode::kInvalidArgument, "multiples of 16");
  expect_error(with([](VideoRequest& r) { r.height = 0; }), ErrorCode::kInvalidArgument, "pixels");
  expect_error(with([](VideoRequest& r) { r.height = 1 << 20; }), ErrorCode::kInvalidArgument, "pixels");
  expect_error(with([](VideoRequest& r) { r.num_frames = 0; }), ErrorCode::kInvalidArgument, "num_frames");
  expect_error(with([](VideoRequest& r) { r.num_frames = 1 << 20; }), ErrorCode::kInvalidArgument, "num_frames");
  expect_error(with([](VideoRequest& r) { r.num_frames = 4 * 64 + 1; }), ErrorCode::kInvalidArgument, "64 positions");
  expect_error(with([](VideoRequest& r) { r.prompt = {}; }), ErrorCode::kInvalidArgument, "no prompt");
  expect_error(with([](VideoRequest& r) {
                 r.negative_prompt = {"x", "y"};
               }),
               ErrorCode::kInvalidArgument, "2 negative prompts for 1 prompts");
  expect_error(with([](VideoRequest& r) { r.seed = {1, 2}; }), ErrorCode::kInvalidArgument, "2 seeds for 1 videos");
  expect_error(with([](VideoRequest& r) { r.num_inference_steps = 0; }), ErrorCode::kInvalidArgument,
               "num_inference_steps");
  expect_error(with([](VideoRequest& r) { r.guidance_scale = std::numeric_limits<double>::infinity(); }),
               ErrorCode::kInvalidArgument, "guidance_scale");
  expect_error(with([](VideoRequest& r) { r.scheduler = "no-such"; }), ErrorCode::kInvalidArgument, "no-such");
  expect_error(with([](VideoRequest& r) { r.flow_shift = -1; }), ErrorCode::kInvalidArgument, "shift");
  expect_error(with([](VideoRequest& r) {
                 r.latents = Tensor::zeros({1, 8, 2, 4, 5}, DType::kF32);
               }),
               ErrorCode::kInvalidArgument, "[1, 8, 2, 4, 5]");
  expect_error(with([](VideoRequest& r) {
                 r.prompt = {};
                 r.prompt_embeds = {Tensor::zeros({1, 8, 63}, DType::kF32), Tensor::zeros({1, 8}, DType::kI32)};
               }),
               ErrorCode::kInvalidArgument, "another model");
  EXPECT_THROW((void)ImagePipeline::open(support::golden_path("models/wan")), Error);
  EXPECT_THROW((void)VideoPipeline::open(support::golden_path("models/sana")), Error);
  EXPECT_EQ(model_kind(support::golden_path("models/wan")), "video");
  EXPECT_EQ(model_kind(support::golden_path("models/sana")), "image");
}

TEST(WanRequests, RoundsTheNumberOfFrames) {
  std::vector<std::string> warnings;
  set_log_sink([&](LogLevel level, const std::string& message) {
    if (level == LogLevel::kWarning) warnings.push_back(message);
  });
  VideoRequest r = tiny_clip();
  for (const auto& [asked, made] : std::vector<std::pair<int64_t, int64_t>>{{6, 5}, {7, 5}, {8, 9}, {2, 1}, {4, 5}}) {
    r.num_frames = asked;
    const VideoResult result = tiny()->generate(r);
    EXPECT_EQ(result.num_frames, made) << asked;
    EXPECT_EQ(static_cast<int64_t>(result.frames.at(0).size()), made) << asked;
  }
  set_log_sink({});
  ASSERT_EQ(warnings.size(), 5U);
  EXPECT_NE(warnings[0].find("5 instead of 6"), std::string::npos) << warnings[0];
}

TEST(WanRequests, HandsOverFramesAsTheyAreMade) {
  VideoRequest r = tiny_clip();
  r.num_videos_per_prompt = 2;
  const VideoResult whole = tiny()->generate(r);
  ASSERT_EQ(whole.frames.size(), 2U);
  VideoPlan plan;
  std::vector<std::pair<int64_t, int64_t>> order;
  std::vector<std::vector<Image>> frames(2);
  VideoCallbacks callbacks;
  callbacks.begin = [&](const VideoPlan& p) {
    EXPECT_TRUE(order.empty());
    plan = p;
  };
  callbacks.frame = [&](VideoFrame&& f) {
    order.emplace_back(f.video, f.frame);
    frames.at(static_cast<size_t>(f.video)).push_back(std::move(f.image));
  };
  const VideoResult streamed = tiny()->generate(r, callbacks);
  EXPECT_EQ(plan.videos, 2);
  EXPECT_EQ(plan.num_frames, 5);
  EXPECT_EQ(plan.width, 48);
  EXPECT_EQ(plan.parameters, streamed.parameters);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(order.size(), 10U);
  for (size_t v = 0; v < 2; ++v) {
    EXPECT_TRUE(streamed.frames[v].empty());
    for (size_t f = 0; f < 5; ++f) EXPECT_EQ(frames[v][f].rgb, whole.frames[v][f].rgb);
  }
  EXPECT_NE(frames[0][0].rgb, frames[1][0].rgb);
}

TEST(WanRequests, RepeatsAVideoFromItsSettings) {
  VideoRequest r = tiny_clip();
  r.num_videos_per_prompt = 2;
  r.seed = {3, 4};
  r.negative_prompt = {"灰色"};
  r.scheduler = "dpmsolver++";
  r.flow_shift = 5;
  const VideoResult first = tiny()->generate(r);
  const RepeatableVideoRequest again = video_request_from_parameters(first.parameters[1]);
  EXPECT_EQ(again.index, 1);
  const VideoResult second = VideoPipeline::open(again.model, again.load)->generate(again.request);
  ASSERT_EQ(second.frames.size(), 2U);
  for (size_t f = 0; f < 5; ++f) EXPECT_EQ(second.frames[1][f].rgb, first.frames[1][f].rgb);
  EXPECT_EQ(second.parameters[1], first.parameters[1]);
  EXPECT_THROW((void)request_from_parameters(first.parameters[0]), Error);  // a picture's settings are wanted there
  r.latents = Tensor::zeros({2, 8, 2, 4, 6}, DType::kF32);
  EXPECT_THROW((void)video_request_from_parameters(tiny()->generate(r).parameters[0]), Error);
}

TEST(WanRequests, RunsEverySchedulerOfSana) {
  for (const auto& [name, description] : scheduler_names()) {
    VideoRequest r = tiny_clip();
    r.scheduler = name;
    r.num_inference_steps = 4;
    if (name == "scm") {  // Sana-Sprint's, of no flow
      expect_error(r, ErrorCode::kUnsupported, "Sana-Sprint");
      continue;
    }
    EXPECT_EQ(tiny()->generate(r).frames.at(0).size(), 5U) << name;
  }
  // And Sana runs Wan's.
  ImageRequest image;
  image.prompt = {"a red cat"};
  image.height = image.width = 128;
  image.num_inference_steps = 4;
  image.use_resolution_binning = false;
  image.scheduler = "unipc";
  EXPECT_EQ(ImagePipeline::open(support::golden_path("models/sana"))->generate(image).images.size(), 1U);
}

TEST(WanRequests, DoesNotDependOnTheNumberOfThreads) {
  set_threads(1);
  const VideoResult one = tiny()->generate(tiny_clip());
  set_threads(3);
  const VideoResult three = tiny()->generate(tiny_clip());
  set_threads(0);
  EXPECT_TRUE(support::identical(one.latents, three.latents));
  for (size_t f = 0; f < 5; ++f) EXPECT_EQ(one.frames[0][f].rgb, three.frames[0][f].rgb);
}

// Several clips pass the network together when they are small: each is still the clip it would be alone.
TEST(WanRequests, ClipsOfABatchAreThoseOfTheirSeeds) {
  VideoRequest r = tiny_clip();
  r.num_videos_per_prompt = 3;
  r.seed = {1, 2, 3};
  const VideoResult batch = tiny()->generate(r);
  r.num_videos_per_prompt = 1;
  for (size_t v = 0; v < 3; ++v) {
    r.seed = {v + 1};
    EXPECT_TRUE(support::close(tiny()->generate(r).latents,
                               batch.latents.slice(static_cast<int64_t>(v), static_cast<int64_t>(v) + 1), 1e-5));
  }
}

TEST(WanRequests, StopsWithinAStepAndBetweenFrames) {
  for (const std::string at : {"denoise", "decode"}) {
    std::atomic<bool> cancel{false};
    int last = 0;
    VideoCallbacks callbacks;
    callbacks.cancel = &cancel;
    callbacks.progress = [&](const std::string& stage, int done, int) {
      if (stage != at) return;
      last = done;
      if (done == 2) cancel = true;
    };
    VideoRequest r = tiny_clip();
    r.num_inference_steps = 10;
    try {
      (void)tiny()->generate(r, callbacks);
      FAIL() << "not cancelled";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kCancelled);
    }
    EXPECT_EQ(last, 2) << at;
  }
}

TEST(Inspect, SeesChangesAndBlocksFrames) {
  VideoRequest r = tiny_clip();
  r.num_videos_per_prompt = 2;
  const VideoResult plain = tiny()->generate(r);
  std::vector<OutputInfo> seen;
  VideoCallbacks callbacks;
  callbacks.inspect = [&](Image& picture, const OutputInfo& info) {
    seen.push_back(info);
    if (info.index == 0) std::fill(picture.rgb.begin(), picture.rgb.end(), uint8_t{17});
    return info.index == 1 && info.frame == 2 ? Verdict::kBlock : Verdict::kPass;
  };
  const VideoResult result = tiny()->generate(r, callbacks);
  EXPECT_EQ(result.blocked, (std::vector<bool>{false, true}));
  ASSERT_EQ(result.frames[0].size(), 5U);
  EXPECT_EQ(result.frames[0][4].rgb, std::vector<uint8_t>(plain.frames[0][4].rgb.size(), 17));
  ASSERT_EQ(result.frames[1].size(), 2U);  // it ends with the frame before
  EXPECT_EQ(result.frames[1][1].rgb, plain.frames[1][1].rgb);
  ASSERT_EQ(seen.size(), 8U);
  EXPECT_EQ(seen[3].prompt, "a red balloon");
  EXPECT_EQ(seen[3].frame, 3);
  EXPECT_EQ(seen[3].frames, 5);
  callbacks.inspect = [](Image& picture, const OutputInfo&) {
    picture.width -= 1;
    return Verdict::kPass;
  };
  EXPECT_THROW((void)tiny()->generate(r, callbacks), Error);
}

TEST(Inspect, SeesChangesAndBlocksPictures) {
  ImageRequest r;
  r.prompt = {"a red cat", "a dog"};
  r.height = r.width = 128;
  r.num_inference_steps = 2;
  r.use_resolution_binning = false;
  Callbacks callbacks;
  std::vector<std::string> prompts;
  callbacks.inspect = [&](Image& picture, const OutputInfo& info) {
    prompts.push_back(info.prompt);
    picture.rgb[0] = 99;
    return info.index == 0 ? Verdict::kBlock : Verdict::kPass;
  };
  const ImageResult result = ImagePipeline::open(support::golden_path("models/sana"))->generate(r, callbacks);
  EXPECT_EQ(prompts, r.prompt);
  EXPECT_EQ(result.blocked, (std::vector<bool>{true, false}));
  EXPECT_TRUE(result.images[0].rgb.empty());
  EXPECT_EQ(result.images[1].rgb.at(0), 99);
}

TEST(WanRequests, ReportsStagesAndMemory) {
  const VideoResult result = tiny()->generate(tiny_clip());
  std::vector<std::string> names;
  for (const auto& [name, seconds] : result.seconds) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"encode", "denoise", "decode"}));
  ASSERT_EQ(result.stage_peak_bytes.size(), 3U);
  for (const auto& [name, bytes] : result.stage_peak_bytes) {
    EXPECT_GT(bytes, size_t{1} << 20) << name;
    EXPECT_LE(bytes, result.peak_bytes) << name;
  }
}

// What the decoder holds does not grow with the clip: the frames that it hands over are the caller's.
TEST(WanMemory, OfTheDecoderDoesNotGrowWithTheClip) {
  const support::Golden golden = support::Golden::open("components/wan_vae");
  const auto weights = io::Weights::open(golden.path(), "diffusion_pytorch_model", "");
  const models::AutoencoderKLWan vae(models::AutoencoderKLWanConfig::parse(io::Config::read(golden.config_path())),
                                     weights, std::nullopt, models::AutoencoderKLWan::Halves::kDecoder);
  Context ctx(backends::cpu_kernels());
  const auto peak_of = [&](int64_t frames) {
    const Tensor z = Generator(1).randn({1, 8, 1 + (frames - 1) / 4, 12, 16});
    CachingAllocator::cpu().trim();
    CachingAllocator::cpu().reset_peak();
    const size_t before = CachingAllocator::cpu().stats().in_use;
    int64_t count = 0;
    vae.decode(
        z, [&](const Tensor&) { ++count; }, ctx);
    EXPECT_EQ(count, frames);
    return static_cast<double>(CachingAllocator::cpu().stats().peak - before);
  };
  (void)peak_of(17);  // packs the weights
  const double short_clip = peak_of(17), long_clip = peak_of(81);
  EXPECT_LT(long_clip, 1.1 * short_clip);
}

// The two exact cases that come with the embedded model.
TEST(EmbeddedVideoModel, MakesTheReferenceFrames) {
  const std::string folder = support::source_path("models/");
  const nlohmann::json cases = support::read_json(folder + "reference/cases_video.json");
  ASSERT_EQ(cases.size(), 2U);
  const auto pipeline = VideoPipeline::open(folder + "swan-emoji-video");
  EXPECT_EQ(pipeline->defaults().num_frames, 17);
  for (const auto& c : cases) {
    VideoRequest r;
    r.prompt = {c.at("prompt").get<std::string>()};
    r.seed = {c.at("seed").get<uint64_t>()};
    EXPECT_EQ(c.at("steps"), pipeline->defaults().num_inference_steps);
    EXPECT_EQ(c.at("guidance_scale"), pipeline->defaults().guidance_scale);
    const VideoResult result = pipeline->generate(r);  // size, frames, steps and guidance are the model's own defaults
    ASSERT_EQ(result.frames.at(0).size(), c.at("files").size());
    for (size_t f = 0; f < result.frames[0].size(); ++f) {
      const std::string expected = c.at("files").at(f);
      EXPECT_TRUE(
          support::same_picture(result.frames[0][f], support::read_png(folder + "reference/" + expected), 1, 0.99))
          << expected;
    }
  }
}

}  // namespace
}  // namespace swan

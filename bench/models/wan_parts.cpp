#include <fmt/format.h>

#include <algorithm>

#include "core/generator.h"
#include "cpu/kernels.h"
#include "io/repository.h"
#include "models/autoencoder_kl_wan.h"
#include "models/wan_transformer.h"
#include "swan/video_pipeline.h"
#include "timing.h"

namespace swan::bench {

namespace {
constexpr int64_t kHeight = 480, kWidth = 832, kFrames = 5;
constexpr int64_t kTextRows = 512, kTokens = 32;  // a prompt of 32 tokens, padded with zeros as the pipeline does
}  // namespace

void video_steps(const Options& options) {
  const auto pipeline = VideoPipeline::open(options.model);
  std::vector<double> seconds;
  for (int run = 0; run <= options.runs; ++run) {  // the first warms up
    auto last = Clock::now();
    VideoCallbacks callbacks;
    callbacks.progress = [&](const std::string& stage, int done, int) {
      const double step = seconds_since(last);
      if (stage == "denoise" && done > 1 && run > 0) seconds.push_back(step);
      last = Clock::now();
    };
    VideoRequest request;
    request.prompt = {"a rocket moving up"};
    request.num_inference_steps = options.steps;
    request.seed = {1};
    request.decode = false;
    (void)pipeline->generate(request, callbacks);
  }
  const VideoDefaults& d = pipeline->defaults();
  print("denoising step", fmt::format("{} x {} x {}, guided", d.height, d.width, d.num_frames), seconds);
}

void wan_forward(const Options& options) {
  const io::Repository repository = io::Repository::open(options.model);
  const auto config = models::WanConfig::parse(io::Config::read(repository.file("transformer", "config.json")));
  const auto weights = repository.open_weights("transformer", "");
  const models::WanTransformer3DModel model(config, nn::Scope(weights));
  weights->finish();
  Generator generator(0);
  const Tensor latents = generator.randn({1, config.in_channels, (kFrames - 1) / 4 + 1, kHeight / 8, kWidth / 8});
  Tensor text = generator.randn({1, kTextRows, config.text_dim});
  std::fill_n(text.data_mut<float>() + kTokens * config.text_dim, (kTextRows - kTokens) * config.text_dim, 0.0F);
  Context ctx(backends::cpu_kernels());
  const auto run = [&] { (void)model.forward(latents, Tensor::full({1}, 500.0F), model.encode_text(text, ctx), ctx); };
  run();
  print("transformer forward", fmt::format("{} x {} x {}", kHeight, kWidth, kFrames), time_runs(options.runs, run));
}

void wan_decode(const Options& options) {
  const io::Repository repository = io::Repository::open(options.model);
  const auto config = models::AutoencoderKLWanConfig::parse(io::Config::read(repository.file("vae", "config.json")));
  const auto weights = repository.open_weights("vae", "");
  const models::AutoencoderKLWan vae(config, weights, std::nullopt, models::AutoencoderKLWan::Halves::kDecoder);
  weights->finish();
  Generator generator(0);
  const Tensor z = generator.randn({1, config.z_dim, (kFrames - 1) / 4 + 1, kHeight / 8, kWidth / 8});
  Context ctx(backends::cpu_kernels());
  print("decode", fmt::format("{} x {} x {}", kHeight, kWidth, kFrames),
        time_runs(options.runs, [&] { (void)vae.decode(z, ctx); }));
}

}  // namespace swan::bench

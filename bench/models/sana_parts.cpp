#include <fmt/format.h>

#include "core/generator.h"
#include "cpu/kernels.h"
#include "io/repository.h"
#include "models/autoencoder_dc.h"
#include "models/sana_transformer.h"
#include "swan/pipeline.h"
#include "timing.h"

namespace swan::bench {

// Seconds between the ends of consecutive steps of warm runs.
void image_steps(const Options& options) {
  const auto pipeline = ImagePipeline::open(options.model);
  std::vector<double> seconds;
  for (int run = 0; run <= options.runs; ++run) {  // the first warms up
    auto last = Clock::now();
    Callbacks callbacks;
    callbacks.progress = [&](const std::string& stage, int done, int) {
      const double step = seconds_since(last);
      if (stage == "denoise" && done > 1 && run > 0) seconds.push_back(step);
      last = Clock::now();
    };
    ImageRequest request;
    request.prompt = {"three strawberries on a blue background"};
    request.num_inference_steps = options.steps;
    request.seed = {1};
    (void)pipeline->generate(request, callbacks);
  }
  print("denoising step", fmt::format("{0} x {0}, guided", pipeline->default_size()), seconds);
}

void sana_forward(const Options& options) {
  const io::Repository repository = io::Repository::open(options.model);
  const int64_t size = options.size;
  const auto config = models::SanaConfig::parse(io::Config::read(repository.file("transformer", "config.json")));
  const auto weights = repository.open_weights("transformer", "");
  const models::SanaTransformer2DModel model(config, nn::Scope(weights));
  weights->finish();
  Generator generator(0);
  const Tensor latents = generator.randn({1, config.in_channels, size / 32, size / 32});
  models::SanaCondition condition;
  const Tensor states = generator.randn({1, 300, config.caption_channels});
  const std::vector<int32_t> ones(300, 1);
  const Tensor mask = Tensor::from(std::span<const int32_t>(ones), {1, 300});
  condition.timestep = Tensor::full({1}, 500.0F);
  Context ctx(backends::cpu_kernels());
  const auto run = [&] { (void)model.forward(latents, model.encode_text(states, mask, ctx), condition, ctx); };
  run();
  print("transformer forward", fmt::format("{} x {}, 300 tokens", size, size), time_runs(options.runs, run));
}

void sana_decode(const Options& options) {
  const io::Repository repository = io::Repository::open(options.model);
  const int64_t size = options.size;
  const auto config = models::AutoencoderDCConfig::parse(io::Config::read(repository.file("vae", "config.json")));
  const auto weights = repository.open_weights("vae", "");
  const models::AutoencoderDC vae(config, weights, std::nullopt, models::AutoencoderDC::Halves::kDecoder);
  weights->finish();
  Generator generator(0);
  const Tensor z = generator.randn({1, config.latent_channels, size / 32, size / 32});
  Context ctx(backends::cpu_kernels());
  print("decode", fmt::format("{} x {}", size, size), time_runs(options.runs, [&] { (void)vae.decode(z, ctx); }));
}

}  // namespace swan::bench

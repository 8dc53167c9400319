// Times one part of Swan on a repository's weights and prints a JSON line: name, shape, seconds of each run, threads,
// ISA and peak memory. bench/run.py calls it beside the Python reference.
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <functional>

#include "core/generator.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "cpu/kernels.h"
#include "io/repository.h"
#include "models/autoencoder_dc.h"
#include "models/sana_transformer.h"
#include "swan/pipeline.h"
#include "swan/version.h"

namespace {

using namespace swan;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::vector<double> time_runs(int runs, const std::function<void()>& fn) {
  std::vector<double> seconds;
  for (int i = 0; i < runs; ++i) {
    const auto start = Clock::now();
    fn();
    seconds.push_back(seconds_since(start));
  }
  return seconds;
}

void print(const std::string& name, const std::string& shape, const std::vector<double>& seconds) {
  fmt::print(
      "{{\"name\":\"{}\",\"shape\":\"{}\",\"seconds\":[{:.6f}],\"threads\":{},\"isa\":\"{}\",\"version\":\"{}\","
      "\"peak_bytes\":{}}}\n",
      name, shape, fmt::join(seconds, ","), num_threads(), backends::cpu_isa(), version(), peak_resident_bytes());
}

// Seconds between the ends of consecutive steps of warm runs.
void bench_steps(const std::string& model, int runs, int steps) {
  const auto pipeline = ImagePipeline::open(model);
  std::vector<double> seconds;
  for (int run = 0; run <= runs; ++run) {  // the first warms up
    auto last = Clock::now();
    Callbacks callbacks;
    callbacks.progress = [&](const std::string& stage, int done, int) {
      const double step = seconds_since(last);
      if (stage == "denoise" && done > 1 && run > 0) seconds.push_back(step);
      last = Clock::now();
    };
    ImageRequest request;
    request.prompt = {"three strawberries on a blue background"};
    request.num_inference_steps = steps;
    request.seed = {1};
    (void)pipeline->generate(request, callbacks);
  }
  print("denoising step", fmt::format("{0} x {0}, guided", pipeline->default_size()), seconds);
}

void bench_forward(const io::Repository& repository, int runs, int64_t size) {
  const auto config = models::SanaConfig::parse(io::Config::read(repository.file("transformer", "config.json")));
  const auto weights = repository.open_weights("transformer", "");
  const models::SanaTransformer2DModel model(config, nn::Scope(weights));
  weights->finish();
  Generator generator(0);
  const Tensor latents = generator.randn({1, config.in_channels, size / 32, size / 32});
  models::SanaCondition condition;
  condition.encoder_hidden_states = generator.randn({1, 300, config.caption_channels});
  const std::vector<int32_t> mask(300, 1);
  condition.encoder_attention_mask = Tensor::from(std::span<const int32_t>(mask), {1, 300});
  condition.timestep = Tensor::full({1}, 500.0F);
  Context ctx(backends::cpu_kernels());
  const auto run = [&] { (void)model.forward(latents, condition, ctx); };
  run();
  print("transformer forward", fmt::format("{} x {}, 300 tokens", size, size), time_runs(runs, run));
}

void bench_decode(const io::Repository& repository, int runs, int64_t size) {
  const auto config = models::AutoencoderDCConfig::parse(io::Config::read(repository.file("vae", "config.json")));
  const auto weights = repository.open_weights("vae", "");
  const models::AutoencoderDC vae(config, weights, std::nullopt, models::AutoencoderDC::Halves::kDecoder);
  weights->finish();
  Generator generator(0);
  const Tensor z = generator.randn({1, config.latent_channels, size / 32, size / 32});
  Context ctx(backends::cpu_kernels());
  print("decode", fmt::format("{} x {}", size, size), time_runs(runs, [&] { (void)vae.decode(z, ctx); }));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Times parts of Swan; prints a JSON line each");
  std::string model;
  int runs = 3, steps = 20, threads = 0;
  int64_t size = 1024;
  std::vector<std::string> parts;
  app.add_option("parts", parts, "steps, forward, decode")->required();
  app.add_option("--model", model, "Repository")->required();
  app.add_option("--runs", runs);
  app.add_option("--steps", steps);
  app.add_option("--size", size, "Pixels of a side");
  app.add_option("--threads", threads);
  CLI11_PARSE(app, argc, argv);
  set_threads(threads);
  try {
    for (const std::string& part : parts) {
      if (part == "steps") bench_steps(model, runs, steps);
      if (part == "forward") bench_forward(io::Repository::open(model), runs, size);
      if (part == "decode") bench_decode(io::Repository::open(model), runs, size);
    }
  } catch (const std::exception& e) {
    fmt::print(stderr, "swan_bench: {}\n", e.what());
    return 1;
  }
  return 0;
}

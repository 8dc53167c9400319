#include "gpu/workloads.h"

#include <memory>
#include <vector>

#include "core/generator.h"
#include "core/replay.h"
#include "cpu/kernels.h"
#include "cuda/kernels.h"
#include "gpu/flops.h"
#include "io/config.h"
#include "io/weights.h"
#include "models/autoencoder_dc.h"
#include "models/autoencoder_kl_wan.h"
#include "models/gemma2.h"
#include "models/sana_transformer.h"
#include "models/umt5.h"
#include "models/wan_transformer.h"
#include "ops/layout.h"
#include "ops/picture.h"

namespace swan::bench {

namespace {

struct Component {
  io::Config config;
  std::shared_ptr<io::Weights> weights;
};

// FOLDER/NAME/ holds config.json and the weights, as `make_random_model` lays a component out.
Component open(const GpuOptions& options, const std::string& name, const std::string& stem) {
  const std::string folder = options.weights + "/" + name;
  return {io::Config::read(folder + "/config.json"), io::Weights::open(folder, stem, "")};
}
constexpr const char* kDiffusion = "diffusion_pytorch_model";

Context context(const GpuOptions& options) {
  const Context plain(backends::cuda_kernels(), &backends::cuda_device(options.device), options.dtype);
  return plain.with_f8(options.f8);
}

// What a shared Replay needs to outlive the function that makes a workload.
template <typename Model>
struct Kept {
  Context ctx;
  std::unique_ptr<Model> model;
  std::unique_ptr<Replay> replay;
  std::vector<Tensor> inputs;
};

template <typename Model, typename Work>
Workload replayed(std::shared_ptr<Kept<Model>> kept, double flops, Work work) {
  kept->replay = std::make_unique<Replay>(kept->ctx);
  return {.device = kept->ctx.device(),
          .run = [kept, work] { (void)kept->replay->run(kept->inputs, work); },
          .flops = flops,
          .output = [kept, work] { return work(kept->inputs).on(nullptr, DType::kF32); }};
}

Tensor noise(const Shape& shape, Device* device) {
  Generator generator(0);
  return generator.randn(shape).on(device);
}

// ---- Sana

// Two samples for guidance, or one for Sprint, at `size` pixels, 300 tokens.
Workload sana(const GpuOptions& options, const std::string& name, int64_t batch, int64_t size) {
  const Component c = open(options, name, kDiffusion);
  const auto config = models::SanaConfig::parse(c.config);
  auto kept = std::make_shared<Kept<models::SanaTransformer2DModel>>(context(options));
  kept->model = std::make_unique<models::SanaTransformer2DModel>(config, nn::Scope(c.weights));
  Device* device = kept->ctx.device();
  constexpr int64_t kTokens = 300;
  Generator generator(0);
  const std::vector<int32_t> ones(static_cast<size_t>(batch * kTokens), 1);
  const models::SanaText text =
      kept->model->encode_text(generator.randn({batch, kTokens, config.caption_channels}),
                               Tensor::from(std::span<const int32_t>(ones), {batch, kTokens}), kept->ctx);
  kept->inputs = {noise({batch, config.in_channels, size / 32, size / 32}, device),
                  Tensor::full({batch}, 500.0F).on(device)};
  const bool guidance = config.guidance_embeds;
  const Tensor scale = guidance ? Tensor::full({batch}, 0.45F).on(device) : Tensor();
  const int64_t rows = size / 32 * (size / 32) / (config.patch_size * config.patch_size);
  return replayed(kept, forward_flops(config, batch, rows, kTokens),
                  [raw = kept.get(), text, scale](std::span<const Tensor> inputs) {
                    const models::SanaCondition condition = {
                        .timestep = inputs[1], .guidance = scale, .controlnet_block_samples = {}};
                    return raw->model->forward(inputs[0], text, condition, raw->ctx);
                  });
}

Workload dcae(const GpuOptions& options, int64_t size, const std::string& name = "dcae_f32c32_sana_vae") {
  const Component c = open(options, name, kDiffusion);
  const auto config = models::AutoencoderDCConfig::parse(c.config);
  auto kept = std::make_shared<Kept<models::AutoencoderDC>>(context(options));
  kept->model =
      std::make_unique<models::AutoencoderDC>(config, c.weights, std::nullopt, models::AutoencoderDC::Halves::kDecoder);
  kept->inputs = {noise({1, config.latent_channels, size / 32, size / 32}, kept->ctx.device())};
  return replayed(
      kept, 0, [raw = kept.get()](std::span<const Tensor> inputs) { return raw->model->decode(inputs[0], raw->ctx); });
}

Workload gemma(const GpuOptions& options) {
  const Component c = open(options, "gemma2_2b_text_encoder", "model");
  auto kept = std::make_shared<Kept<models::Gemma2Model>>(context(options));
  const auto config = models::Gemma2Config::parse(c.config);
  kept->model = std::make_unique<models::Gemma2Model>(config, nn::Scope(c.weights));
  constexpr int64_t kTokens = 300;
  std::vector<int32_t> ids(kTokens), ones(kTokens, 1);
  for (int64_t i = 0; i < kTokens; ++i) ids[static_cast<size_t>(i)] = static_cast<int32_t>(7 * i % 5000 + 10);
  const Tensor tokens = Tensor::from(std::span<const int32_t>(ids), {1, kTokens});
  const Tensor mask = Tensor::from(std::span<const int32_t>(ones), {1, kTokens});
  return {.device = kept->ctx.device(),
          .run = [kept, tokens, mask] { (void)kept->model->forward(tokens, mask, kept->ctx); },
          .flops = forward_flops(config, kTokens)};
}

Workload umt5(const GpuOptions& options) {
  const Component c = open(options, "umt5_xxl_text_encoder", "model");
  c.weights->ignore("encoder.embed_tokens.");
  auto kept = std::make_shared<Kept<models::UMT5EncoderModel>>(context(options));
  const auto config = models::UMT5Config::parse(c.config);
  kept->model = std::make_unique<models::UMT5EncoderModel>(config, nn::Scope(c.weights));
  constexpr int64_t kTokens = 512;
  std::vector<int32_t> ids(kTokens);
  for (int64_t i = 0; i < kTokens; ++i) ids[static_cast<size_t>(i)] = static_cast<int32_t>(7 * i % 5000 + 10);
  const Tensor tokens = Tensor::from(std::span<const int32_t>(ids), {1, kTokens});
  return {.device = kept->ctx.device(),
          .run = [kept, tokens] { (void)kept->model->forward(tokens, {}, kept->ctx); },
          .flops = forward_flops(config, kTokens)};
}

// ---- Wan 2.1

constexpr int64_t kHeight = 480, kWidth = 832, kText = 512;

Workload wan(const GpuOptions& options, int64_t frames) {
  const Component c = open(options, "wan21_t2v_1_3b_transformer", kDiffusion);
  const auto config = models::WanConfig::parse(c.config);
  auto kept = std::make_shared<Kept<models::WanTransformer3DModel>>(context(options));
  kept->model = std::make_unique<models::WanTransformer3DModel>(config, nn::Scope(c.weights));
  Device* device = kept->ctx.device();
  const int64_t t = (frames - 1) / 4 + 1;
  Generator generator(1);
  const models::WanText text = kept->model->encode_text(generator.randn({1, kText, config.text_dim}), kept->ctx);
  kept->inputs = {noise({1, config.in_channels, t, kHeight / 8, kWidth / 8}, device),
                  Tensor::full({1}, 500.0F).on(device)};
  const int64_t rows = t * (kHeight / 16) * (kWidth / 16);
  return replayed(kept, forward_flops(config, 1, rows, kText),
                  [raw = kept.get(), text](std::span<const Tensor> inputs) {
                    return raw->model->forward(inputs[0], inputs[1], text, raw->ctx);
                  });
}

Workload wan_vae(const GpuOptions& options, int64_t frames) {
  const Component c = open(options, "wan21_vae", kDiffusion);
  const auto config = models::AutoencoderKLWanConfig::parse(c.config);
  auto kept = std::make_shared<Kept<models::AutoencoderKLWan>>(context(options));
  kept->model = std::make_unique<models::AutoencoderKLWan>(config, c.weights, std::nullopt,
                                                           models::AutoencoderKLWan::Halves::kDecoder);
  Generator generator(0);
  const Tensor z = generator.randn({1, config.z_dim, (frames - 1) / 4 + 1, kHeight / 8, kWidth / 8});
  return {.device = kept->ctx.device(),
          .run =
              [kept, z] {
                kept->model->decode(
                    z, [&kept](const Tensor& frame) { (void)ops::pack_rgb(frame, kept->ctx).cpu(); }, kept->ctx);
              },
          .output =
              [kept, z] {
                Context host(backends::cpu_kernels());
                std::vector<Tensor> clip;
                kept->model->decode(
                    z, [&clip](const Tensor& frame) { clip.push_back(frame.on(nullptr, DType::kF32)); }, kept->ctx);
                return ops::concat_rows(clip, host);
              }};
}

}  // namespace

Workloads networks() {
  return {
      {"sana-1.6b", [](const GpuOptions& o) { return sana(o, "sana_1600m_1024px_transformer", 2, 1024); }},
      {"sana-0.6b", [](const GpuOptions& o) { return sana(o, "sana_600m_1024px_transformer", 2, 1024); }},
      {"sprint-1.6b", [](const GpuOptions& o) { return sana(o, "sana_sprint_1600m_1024px_transformer", 1, 1024); }},
      {"sprint-0.6b", [](const GpuOptions& o) { return sana(o, "sana_sprint_600m_1024px_transformer", 1, 1024); }},
      {"dcae-1024", [](const GpuOptions& o) { return dcae(o, 1024); }},
      {"dcae-4096", [](const GpuOptions& o) { return dcae(o, 4096); }},
      {"sana-1.6b-4k", [](const GpuOptions& o) { return sana(o, "sana_1600m_4kpx_transformer", 2, 4096); }},
      {"dcae-lite-1024", [](const GpuOptions& o) { return dcae(o, 1024, "dcae_lite_f32c32_sana_vae"); }},
      {"gemma-300", gemma},
      {"umt5-512", umt5},
      {"wan-1.3b-81", [](const GpuOptions& o) { return wan(o, 81); }},
      {"wan-1.3b-5", [](const GpuOptions& o) { return wan(o, 5); }},
      {"wan-vae-81", [](const GpuOptions& o) { return wan_vae(o, 81); }},
      {"wan-vae-5", [](const GpuOptions& o) { return wan_vae(o, 5); }},
  };
}

}  // namespace swan::bench

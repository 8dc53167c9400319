// Mirrors diffusers 0.42 pipelines/sana/pipeline_sana.py, SanaPipeline.__call__, phase by phase.
#include "pipelines/sana.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/replay.h"
#include "io/config.h"
#include "ops/elementwise.h"
#include "ops/layout.h"
#include "pipelines/complex_instruction.h"
#include "pipelines/guidance.h"
#include "pipelines/image_processor.h"
#include "pipelines/noise.h"
#include "pipelines/parameters.h"
#include "pipelines/prompt_embeddings.h"
#include "pipelines/request_checks.h"
#include "pipelines/resample.h"
#include "pipelines/stages.h"
#include "pipelines/timesteps.h"

namespace swan::pipelines {

namespace {

// The whole `times` times: [a, b] to [a, b, a, b]. The reference repeats masks so, and embeddings the other way.
Tensor tile_mask(const Tensor& mask, int64_t times) {
  Tensor out = Tensor::empty({mask.dim(0) * times, mask.dim(1)}, DType::kI32);
  for (int64_t n = 0; n < times; ++n)
    std::copy_n(mask.data<int32_t>(), mask.numel(), out.data_mut<int32_t>() + n * mask.numel());
  return out;
}

PromptEmbeddings concat(const PromptEmbeddings& a, const PromptEmbeddings& b, Context& ctx) {
  const std::array embeds = {a.embeds, b.embeds};
  PromptEmbeddings out{ops::concat_rows(embeds, ctx),
                       Tensor::empty({a.embeds.dim(0) + b.embeds.dim(0), a.attention_mask.dim(1)}, DType::kI32)};
  auto* to = out.attention_mask.data_mut<int32_t>();
  std::copy_n(a.attention_mask.data<int32_t>(), a.attention_mask.numel(), to);
  std::copy_n(b.attention_mask.data<int32_t>(), b.attention_mask.numel(), to + a.attention_mask.numel());
  return out;
}

// Drops the columns after the last one that any mask shows: their attention weight is exp(-10000), which is zero in
// f32.
PromptEmbeddings trim(const PromptEmbeddings& text, Context& ctx) {
  const int64_t batch = text.embeds.dim(0), length = text.embeds.dim(1), dim = text.embeds.dim(2);
  const auto* mask = text.attention_mask.data<int32_t>();
  int64_t used = 1;
  for (int64_t i = 0; i < batch * length; ++i)
    if (mask[i] != 0) used = std::max(used, i % length + 1);
  std::vector<Tensor> rows;
  PromptEmbeddings out{{}, Tensor::empty({batch, used}, DType::kI32)};
  for (int64_t b = 0; b < batch; ++b) {
    rows.push_back(text.embeds.slice(b, b + 1).reshape({length, dim}).slice(0, used));
    std::copy_n(mask + b * length, used, out.attention_mask.data_mut<int32_t>() + b * used);
  }
  out.embeds = ops::concat_rows(rows, ctx).reshape({batch, used, dim});
  return out;
}

}  // namespace

SanaPipeline::SanaPipeline(io::Repository repository, std::string model_name, const LoadOptions& options,
                           bool guidance_embeds)
    : repository_(std::move(repository)),
      model_name_(std::move(model_name)),
      options_(options),
      compute_(options),
      transformer_config_(models::SanaConfig::parse(repository_.config("transformer"))),
      vae_config_(models::AutoencoderDCConfig::parse(repository_.config("vae"))),
      store_(options.embed_cache,
             [this] { return encoder_fingerprint(repository_, options_.variant, options_.dtype, compute_); }),
      preview_(vae_config_.latent_channels, vae_config_.spatial_compression_ratio()) {
  if (transformer_config_.guidance_embeds != guidance_embeds)
    fail(
        ErrorCode::kUnsupported,
        "{}: its transformer {} a guidance embedding, as only Sana-Sprint's do, but model_index.json says that it is a "
        "{}; take both files of one model.",
        repository_.path(), guidance_embeds ? "takes no" : "takes", repository_.class_name());
  if (transformer_config_.in_channels != vae_config_.latent_channels)
    fail(ErrorCode::kShapeMismatch, "{}: the transformer takes {} latent channels and the vae has {}.",
         repository_.path(), transformer_config_.in_channels, vae_config_.latent_channels);
  tiny_ = TinyVae::open(options_, compute_,
                        {.latent_channels = vae_config_.latent_channels,
                         .spatial_compression_ratio = vae_config_.spatial_compression_ratio(),
                         .temporal_compression_ratio = 1,
                         .video = false});
  (void)repository_.component("scheduler");  // the text encoder may be absent where embeddings are given
  adapters_.read(repository_, options_, nullptr);
}

SanaPipeline::~SanaPipeline() = default;

void SanaPipeline::set_loras(const std::vector<Lora>& loras) {
  LoadOptions options = options_;
  options.lora = loras;
  adapters_.read(repository_, options, nullptr);
  options_ = std::move(options);
  transformer_.close();
}

int64_t SanaPipeline::default_size() const {
  return transformer_config_.sample_size * vae_config_.spatial_compression_ratio();
}

// 1. Check inputs
SanaPipeline::Plan SanaPipeline::check_inputs(const ImageRequest& r) const {
  Plan plan(r);
  const auto wrong = [](const std::string& message) { fail(ErrorCode::kInvalidArgument, "{}", message); };
  plan.prompts = check_prompts(r);
  plan.batch = plan.prompts * r.num_images_per_prompt;
  check_counts("num_images_per_prompt", r.num_images_per_prompt, "pictures", plan.batch, r.seed.size());
  plan.num_inference_steps = timestep_choice(r, defaults().num_inference_steps).num_inference_steps;
  check_sampling(plan.num_inference_steps, r.guidance_scale);
  check_sequence_length(r.max_sequence_length);

  const int64_t ratio = vae_config_.spatial_compression_ratio();
  const int64_t unit = ratio * transformer_config_.patch_size;
  plan.size = {r.height.value_or(default_size()), r.width.value_or(default_size())};
  check_size("a picture", plan.size);
  const std::optional<Size> bin =
      r.use_resolution_binning ? classify_height_width_bin(transformer_config_.sample_size, plan.size) : std::nullopt;
  plan.render = bin.value_or(plan.size);
  if (plan.render.height % unit != 0 || plan.render.width % unit != 0)
    wrong(fmt::format("width and height must be multiples of {} for this model, but are {} x {}; {} x {} is nearest.",
                      unit, plan.size.width, plan.size.height, nearest_multiple(plan.size.width, unit),
                      nearest_multiple(plan.size.height, unit)));
  plan.latents = {plan.batch, transformer_config_.in_channels, plan.render.height / ratio, plan.render.width / ratio};
  if (r.latents.defined() && r.latents.shape() != plan.latents)
    wrong(fmt::format("the initial latents have shape {}, but {} pictures of {} x {} pixels need {}.",
                      r.latents.shape(), plan.batch, plan.render.width, plan.render.height, plan.latents));
  check_tiling(r.vae_tiling, ratio);
  tiny_.check_tiling(r.vae_tiling.has_value());
  check_control(r);
  plan_pag(plan);

  plan.negative_prompt = negative_prompts(r.negative_prompt, plan.prompts);
  plan.instruction = instruction_of(r);
  plan_sampling(plan);
  return plan;
}

void SanaPipeline::check_control(const ImageRequest& r) const {
  if (!r.control_image && (r.controlnet_conditioning_scale || r.control_preprocess != ControlPreprocess::kNone))
    fail(ErrorCode::kInvalidArgument, "{} is given, but no control image that it is about: give one too.",
         r.controlnet_conditioning_scale ? "controlnet_conditioning_scale" : "control_preprocess");
  if (r.control_image && !controlled())
    fail(ErrorCode::kInvalidArgument,
         "{}: a control image is given, but this {} was opened without a ControlNet; open it with one "
         "(LoadOptions::controlnet, --controlnet), or leave the image out.",
         repository_.path(), repository_.class_name());
}

void SanaPipeline::plan_pag(Plan& plan) const {
  const ImageRequest& r = plan.request;
  const bool asked = r.pag_scale || r.pag_adaptive_scale || !r.pag_applied_layers.empty();
  if (!takes_pag()) {
    if (asked)
      fail(ErrorCode::kUnsupported,
           "{}: 'pag_scale', 'pag_adaptive_scale' and 'pag_applied_layers' are for SanaPipeline without a ControlNet, "
           "and this is a {}; leave them out.",
           repository_.path(), class_name(plan));
    return;
  }
  constexpr double kScale = 3;  // of the reference's class
  plan.pag.scale = r.pag_scale.value_or(repository_.class_name() == "SanaPAGPipeline" ? kScale : 0);
  plan.pag.adaptive_scale = r.pag_adaptive_scale.value_or(0);
  for (const auto& [name, value] :
       {std::pair("pag_scale", plan.pag.scale), {"pag_adaptive_scale", plan.pag.adaptive_scale}})
    if (!(std::isfinite(value) && value >= 0))
      fail(ErrorCode::kInvalidArgument, "{} is {}: a finite number from 0 is needed.", name, value);
  if (!plan.pag.used()) {
    if (r.pag_adaptive_scale || !r.pag_applied_layers.empty())
      fail(ErrorCode::kInvalidArgument, "{} is given, but pag_scale is 0, so that it changes nothing: give that too.",
           r.pag_adaptive_scale ? "pag_adaptive_scale" : "pag_applied_layers");
    return;
  }
  const std::vector<std::string> standard = {"transformer_blocks.0"};
  plan.pag_blocks =
      pag_blocks(r.pag_applied_layers.empty() ? standard : r.pag_applied_layers, transformer_config_.num_layers);
}

void SanaPipeline::plan_sampling(Plan& plan) const {
  const ImageRequest& r = plan.request;
  for (const auto& [given, option] : {std::pair(r.max_timesteps.has_value(), "max_timesteps"),
                                      {r.intermediate_timesteps.has_value(), "intermediate_timesteps"}})
    if (given)
      fail(ErrorCode::kUnsupported, "{}: '{}' is for Sana-Sprint's models alone, and this is a {}; leave it out.",
           repository_.path(), option, repository_.class_name());
  plan.guided = r.guidance_scale > 1.0;
  plan.scheduler =
      schedulers::make_scheduler(repository_.config("scheduler"), r.scheduler, r.flow_shift, r.sigma_schedule);
  plan.scheduler->set_timesteps(timestep_choice(r, plan.num_inference_steps));
  plan.first_step = plan.scheduler->order() * plan_picture(plan);
  plan.scheduler->set_begin_index(plan.first_step);
}

int SanaPipeline::plan_picture(Plan& plan) const {
  const ImageRequest& r = plan.request;
  constexpr double kStrength = 0.6;
  if (r.image && controlled())
    fail(ErrorCode::kUnsupported,
         "{}: 'image', a picture to start from, and a ControlNet do not go together yet; leave one of them out.",
         repository_.path());
  check_start({.noun = "picture",
               .option = "image",
               .given = r.image.has_value(),
               .strength = r.strength.has_value(),
               .mask = r.mask.has_value(),
               .latents = r.latents.defined()});
  if (!r.image) return 0;
  plan.strength = r.strength.value_or(kStrength);
  if (r.mask) {
    if (r.mask->width != r.image->width || r.mask->height != r.image->height)
      fail(ErrorCode::kInvalidArgument,
           "the mask has {} x {} pixels and the picture that it is of {} x {}: give one of the same size.",
           r.mask->width, r.mask->height, r.image->width, r.image->height);
    plan.mask.emplace(*r.mask, plan.render);
  }
  return first_step(plan.strength, plan.num_inference_steps, /*whole_steps=*/false);
}

std::optional<LatentBlend> SanaPipeline::blend(const Plan& plan, const Tensor& image_latents, const Tensor& noise,
                                               Context& ctx) {
  if (!plan.mask) return std::nullopt;
  return LatentBlend(plan.mask->latent_mask(plan.latents), repeat_rows(image_latents, plan.batch, ctx), noise, ctx);
}

PromptEncoder& SanaPipeline::encoder() {
  if (!encoder_) encoder_ = std::make_unique<PromptEncoder>(repository_, options_.variant, compute_, store_);
  return *encoder_;
}

// 2. Encode the prompts: [negative, positive] when guided, and the positive ones again to be perturbed. A large encoder
// is gone when this returns.
PromptEmbeddings SanaPipeline::encode_prompt(const Plan& plan, Context& ctx) {
  const ImageRequest& r = plan.request;
  const int64_t copies = r.num_images_per_prompt, width = transformer_config_.caption_channels;
  const int64_t length = r.prompt_embeds.defined() ? r.prompt_embeds.embeds.dim(1) : r.max_sequence_length;
  const auto repeated = [&](const PromptEmbeddings& text) {
    return PromptEmbeddings{repeat_rows(text.embeds, copies, ctx), tile_mask(text.attention_mask, copies)};
  };
  const auto embeddings_of = [&](const char* what, const PromptEmbeddings& given,
                                 const std::vector<std::string>& prompts, const std::vector<std::string>& instruction) {
    if (!given.defined()) return repeated(encoder().encode(prompts, instruction, length, ctx));
    check_embeddings(what, given, plan.prompts, width, ctx);
    if (given.embeds.dim(1) != length)
      fail(ErrorCode::kInvalidArgument,
           "{}: {} rows a prompt, but the prompt's embeddings have {}; make both with one length.", what,
           given.embeds.dim(1), length);
    return repeated(given);
  };
  PromptEmbeddings text = embeddings_of("prompt_embeds", r.prompt_embeds, r.prompt, plan.instruction);
  if (plan.pag.used()) text = concat(text, text, ctx);
  if (plan.guided)
    text =
        concat(embeddings_of("negative_prompt_embeds", r.negative_prompt_embeds, plan.negative_prompt, {}), text, ctx);
  if (encoder_) encoder_->release();
  return trim(text, ctx);
}

PromptEmbeddings SanaPipeline::embed(const ImageRequest& request, const Callbacks& callbacks) {
  Context ctx = compute_.context(callbacks.cancel);
  if (request.prompt.empty()) fail(ErrorCode::kInvalidArgument, "no prompt was given.");
  PromptEmbeddings out = encoder().encode(request.prompt, instruction_of(request), request.max_sequence_length, ctx);
  encoder_->release();
  // Rows that no mask shows are what a longer prompt beside them made of padding: left out.
  const int64_t dim = out.embeds.dim(2);
  for (int64_t row = 0; row < out.attention_mask.numel(); ++row)
    if (out.attention_mask.data<int32_t>()[row] == 0) std::fill_n(out.embeds.data_mut<float>() + row * dim, dim, 0.0F);
  return out;
}

std::vector<std::string> SanaPipeline::instruction_of(const ImageRequest& r) const {
  // Models with the Gemma-2-2B encoder (2304 channels) were trained with an instruction before the prompt.
  constexpr int64_t kGemma2BWidth = 2304;
  if (r.complex_human_instruction) return *r.complex_human_instruction;
  return transformer_config_.caption_channels == kGemma2BWidth ? default_complex_human_instruction()
                                                               : std::vector<std::string>();
}

void SanaPipeline::load_transformer() {
  transformer_.open(repository_, "transformer", options_.variant, compute_, [&](const auto& weights) {
    return adapters_.make<models::SanaTransformer2DModel>(transformer_config_, weights, compute_);
  });
}

void SanaPipeline::load_vae(ResidentNetwork<models::AutoencoderDC>& vae, models::AutoencoderDC::Halves half) {
  vae.open(repository_, "vae", options_.variant, compute_, [&](const auto& weights) {
    return std::make_unique<models::AutoencoderDC>(vae_config_, weights, compute_.storage(), half);
  });
}

Context SanaPipeline::network_context(const Context& ctx) const {
  return ctx.with_dtype(compute_.activations(transformer_.dtype())).with_f8(compute_.f8());
}

// 3. to 5. Timesteps, latents, and the loop
Tensor SanaPipeline::denoise(const Plan& plan, const PromptEmbeddings& prompts, const Tensor& image_latents,
                             Stages& stages, Context& ctx) {
  const ImageRequest& r = plan.request;
  const int64_t channels = transformer_config_.in_channels;
  const int steps = static_cast<int>(plan.scheduler->timesteps().size());
  Noise noise(r.seed);
  const Shape& shape = plan.latents;
  Tensor latents = r.latents.defined() ? r.latents.to(DType::kF32) : noise.draw(shape, ctx);
  if (r.latents.defined()) check_finite(latents, "reading the initial latents", ctx);
  latents = latents.on(ctx.device());
  const std::optional<LatentBlend> keep = blend(plan, image_latents, latents, ctx);
  latents = r.image
                ? plan.scheduler->add_noise(repeat_rows(image_latents, plan.batch, ctx), latents, plan.first_step, ctx)
                : initial_sample(latents, *plan.scheduler, ctx);
  if (plan.scheduler->needs_noise()) noise.prepare(shape, steps - plan.first_step, ctx);

  // The network computes in its own dtype, the solver in f32.
  Context network = network_context(ctx);
  const models::SanaText text = transformer_->encode_text(prompts.embeds, prompts.attention_mask, network);
  const BlockSamples samples = block_samples(plan, prompts, image_latents, ctx);
  const bool perturbed = plan.pag.used();
  const int64_t passes = 1 + static_cast<int64_t>(plan.guided) + static_cast<int64_t>(perturbed);
  const int64_t rows = passes * plan.batch;
  const auto predict = [&](std::span<const Tensor> inputs) {
    const std::vector<Tensor> copies(static_cast<size_t>(passes), inputs[0]);
    const Tensor input = passes > 1 ? ops::concat_rows(copies, network) : inputs[0];
    const models::SanaCondition condition = {
        .timestep = inputs[1],
        .guidance = {},
        .controlnet_block_samples = samples ? samples(input, inputs[1]) : std::vector<Tensor>(),
        .perturbed = perturbed ? plan.batch : 0,
        .perturbed_blocks = plan.pag_blocks};
    return transformer_->forward(input, models::SanaText::of(inputs.subspan(2)), condition, network)
        .to(DType::kF32);  // [rows, out_channels, h, w]
  };
  // Not kept with a ControlNet, whose samples hold tensors of this run.
  Replay replay(network, {.home = samples ? nullptr : &transformer_.replays(),
                          .work = perturbed ? fmt::format("perturbed {}", fmt::join(plan.pag_blocks, "")) : "step",
                          .constants = text.tensors(),
                          .calls = steps - plan.first_step});
  FiniteChecks checks(ctx);
  const Tensor timesteps =
      all_timesteps(plan.scheduler->timesteps(), rows, transformer_config_.timestep_scale).on(ctx.device());
  for (int i = plan.first_step; i < steps; ++i) {
    ctx.check_cancelled();
    const std::array inputs = {latents, timesteps.slice(i, i + 1).reshape({rows})};
    Tensor noise_pred = replay.run(inputs, predict);
    checks.add(noise_pred, fmt::format("denoising step {} of {} (transformer)", i + 1, steps));

    // [uncond, cond, perturbed], as far as they are there
    const auto pass = [&](int64_t n) { return noise_pred.slice(n * plan.batch, (n + 1) * plan.batch); };
    if (perturbed) {
      const double timestep = plan.scheduler->timesteps()[static_cast<size_t>(i)];
      noise_pred = guide_perturbed(plan.guided ? pass(0) : Tensor(), pass(passes - 2), pass(passes - 1),
                                   r.guidance_scale, plan.pag.scale_at(timestep), ctx);
    } else if (plan.guided) {
      noise_pred = guide(pass(0), pass(1), r.guidance_scale, ctx);
    }
    // A model that also learns the variance predicts twice the channels; the first half is the noise.
    if (transformer_config_.out_channels == 2 * channels) {
      std::vector<Tensor> halves;
      for (int64_t b = 0; b < plan.batch; ++b)
        halves.push_back(noise_pred.slice(b, b + 1).reshape({2 * channels, shape[2], shape[3]}).slice(0, channels));
      noise_pred = ops::concat_rows(halves, ctx).reshape(shape);
    }
    if (const int step = i + 1 - plan.first_step; stages.preview_due(step))
      preview_.show(plan.scheduler->predict_x0(noise_pred, i, latents, ctx), step, stages);
    const Tensor draw = plan.scheduler->needs_noise() ? noise.draw(shape, ctx) : Tensor();
    latents = plan.scheduler->step(noise_pred, i, latents, draw, ctx);
    if (keep) {
      const float sigma = plan.scheduler->sigmas()[static_cast<size_t>(i) + 1];
      latents = (*keep)(latents, 1 - sigma, sigma, ctx);
    }
    stages.step();
  }
  checks.add(latents, "the last denoising step (scheduler)");
  checks.verify();
  return latents.cpu();
}

namespace {
// What the reference does is a picture at once; with more pixels than these it is done in tiles instead, on every
// machine alike, so that a picture does not depend on how much memory there is. The decoder computes its finest
// resolutions in parts of rows (models::DecodeLimits), the encoder has all of them whole.
constexpr int64_t kDecodedAtOnce = int64_t{4096} * 4096, kEncodedAtOnce = int64_t{1024} * 2560;
// A quarter of each tile is blended into its neighbour.
constexpr models::Tiling kTiles = {.tile_sample_min_height = 1024,
                                   .tile_sample_min_width = 1024,
                                   .tile_sample_stride_height = 768,
                                   .tile_sample_stride_width = 768};
void choose_tiling(models::AutoencoderDC& vae, const std::optional<VaeTiling>& asked, Size size, int64_t at_once) {
  if (asked) {
    vae.enable_tiling({asked->tile_sample_min_height, asked->tile_sample_min_width, asked->tile_sample_stride_height,
                       asked->tile_sample_stride_width});
  } else if (size.height * size.width > at_once) {
    vae.enable_tiling(kTiles);
  } else {
    vae.disable_tiling();
  }
}
}  // namespace

// The picture to start from or to be controlled by, as latents times scaling_factor.
Tensor SanaPipeline::encode_image(const Plan& plan, Context& ctx) {
  const Tensor pixels = to_tensor(*plan.picture(), plan.render);
  load_vae(vae_encoder_, models::AutoencoderDC::Halves::kEncoder);
  choose_tiling(*vae_encoder_, plan.request.vae_tiling, plan.render, kEncodedAtOnce);
  Context network = ctx.with_dtype(compute_.activations(vae_encoder_.dtype(), Compute::Part::kVae));
  const Tensor latents = vae_encoder_->encode(pixels, network).to(DType::kF32);
  check_finite(latents, "encoding the picture that was given (vae)", ctx);
  vae_encoder_.release(compute_);
  return ops::linear_combination(std::array{static_cast<float>(vae_config_.scaling_factor)}, std::array{latents}, ctx);
}

// 6. and 7. Decode, one picture after the other, and post-process
std::vector<Image> SanaPipeline::decode(const Plan& plan, const Tensor& latents, Stages& stages, Context& ctx) {
  if (!tiny_.used()) choose_tiling(*vae_, plan.request.vae_tiling, plan.render, kDecodedAtOnce);
  Context network = tiny_.used() ? tiny_.context(ctx, compute_)
                                 : ctx.with_dtype(compute_.activations(vae_.dtype(), Compute::Part::kVae));
  const auto scale = static_cast<float>(tiny_.used() ? 1 : vae_config_.scaling_factor);
  const Image original = plan.mask ? resize_lanczos(*plan.request.image, plan.render) : Image();
  std::vector<Image> images;
  for (int64_t b = 0; b < plan.batch; ++b) {
    ctx.check_cancelled();
    Tensor z = latents.slice(b, b + 1).clone();
    for (int64_t i = 0; i < z.numel(); ++i) z.data_mut<float>()[i] /= scale;
    Tensor decoded = tiny_.used() ? tiny_.network->decode(z, network)
                                  : vae_->decode(z, network);  // stays on the device, but to be scaled
    check_finite(decoded, fmt::format("decoding picture {} of {} (vae)", b + 1, plan.batch), ctx);
    if (stages.watched()) preview_.learn(latents, b, 0, to_image(decoded, ctx));
    if (plan.mask) {
      Image whole = to_image(decoded, ctx);
      plan.mask->restore(whole, original);
      decoded = to_tensor(whole, plan.render);
    }
    if (plan.render != plan.size) decoded = resize_and_crop(decoded.on(nullptr, DType::kF32), plan.size);
    images.push_back(to_image(decoded, ctx));
    stages.inspect(images.back(), prompt_of(plan.request.prompt, b / plan.request.num_images_per_prompt), b);
    stages.step();
  }
  return images;
}

ImageResult SanaPipeline::generate(const ImageRequest& request, const Callbacks& callbacks) {
  Plan plan = check_inputs(request);
  Context ctx = compute_.context(callbacks.cancel);
  Stages stages(callbacks, compute_.device());

  stages.begin("encode", plan.picture() != nullptr ? 2 : 1);
  const PromptEmbeddings text = encode_prompt(plan, ctx);
  stages.step();
  compute_.end_stage();
  Tensor image_latents;
  if (plan.picture() != nullptr) {
    image_latents = encode_image(plan, ctx);
    stages.step();
    compute_.end_stage();
  }

  stages.begin("denoise", static_cast<int>(plan.scheduler->timesteps().size()) - plan.first_step);
  load_transformer();
  ImageResult result;
  result.latents = denoise(plan, text, image_latents, stages, ctx);
  transformer_.release(compute_);
  compute_.end_stage();

  if (request.decode) {
    stages.begin("decode", static_cast<int>(plan.batch));
    if (!tiny_.used()) load_vae(vae_, models::AutoencoderDC::Halves::kDecoder);
    result.images = decode(plan, result.latents, stages, ctx);
    vae_.release(compute_);
    compute_.end_stage();
  }
  stages.end();

  const RunFacts facts = {.model = model_name_,
                          .revision = repository_.revision(),
                          .load = options_,
                          .loras = adapters_.facts(),
                          .device = compute_.device_name(),
                          .pipeline = class_name(plan),
                          .scheduler = plan.scheduler->name(),
                          .scheduler_config = plan.scheduler->describe(),
                          .complex_human_instruction = plan.instruction,
                          .height = plan.size.height,
                          .width = plan.size.width,
                          .num_inference_steps = plan.num_inference_steps,
                          .strength = plan.strength,
                          .guidance_scale = request.guidance_scale,
                          .pag_scale = plan.pag.scale};
  for (int64_t i = 0; i < plan.batch; ++i) result.parameters.push_back(parameters_of(request, facts, i));
  result.control_image = std::move(plan.control_image);
  result.height = plan.size.height;
  result.width = plan.size.width;
  for (const Image& image : result.images) result.blocked.push_back(image.rgb.empty());
  result.seconds = stages.seconds();
  result.peak_bytes = peak_resident_bytes();
  return result;
}

}  // namespace swan::pipelines

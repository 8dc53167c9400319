// Mirrors diffusers 0.42 pipelines/wan/pipeline_wan.py, WanPipeline.__call__, phase by phase, and where there are
// frames to start from pipeline_wan_video2video.py, WanVideoToVideoPipeline.__call__.
#include "pipelines/wan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <filesystem>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/replay.h"
#include "io/checkpoint/key_tables.h"
#include "io/config.h"
#include "models/wan_vae_blocks.h"
#include "ops/elementwise.h"
#include "ops/layout.h"
#include "pipelines/guidance.h"
#include "pipelines/image_processor.h"
#include "pipelines/inpainting.h"
#include "pipelines/noise.h"
#include "pipelines/parameters.h"
#include "pipelines/prompt_embeddings.h"
#include "pipelines/request_checks.h"
#include "pipelines/resample.h"
#include "pipelines/stages.h"
#include "pipelines/timesteps.h"

namespace swan::pipelines {

struct WanPipeline::Plan {
  explicit Plan(const VideoRequest& r) : request(r) {}
  const VideoRequest& request;
  int64_t prompts = 0, batch = 0;  // batch: videos
  Size size = {0, 0};
  int64_t num_frames = 0;
  int steps = 0;
  double guidance_scale = 0;
  std::vector<std::string> negative_prompt;  // one for each prompt
  Shape latents = {};                        // [batch, C, T, h, w]
  double strength = 0;                       // where there are frames to start from
  int first_step = 0;
  std::optional<PixelMask> mask;  // what of those frames is drawn anew
  // What frame t of the video starts from.
  [[nodiscard]] const Image& start(int64_t t) const {
    return request.video.at(request.video.size() == 1 ? 0 : static_cast<size_t>(t));
  }
  std::unique_ptr<schedulers::Scheduler> scheduler;
  [[nodiscard]] bool guided() const { return guidance_scale > 1.0; }
};

namespace {

// generation_config.json beside model_index.json, as transformers' models have it.
VideoDefaults read_defaults(const io::Repository& repository) {
  VideoDefaults d;
  if (repository.class_name() == "WanDMDPipeline") {  // FastVideo's, of FastWan
    d.preset = "fastwan";
    VideoRequest few;
    apply_preset(d.preset, few);
    d.num_inference_steps = *few.num_inference_steps;
    d.guidance_scale = *few.guidance_scale;
  }
  const std::string path = (std::filesystem::path(repository.path()) / "generation_config.json").string();
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return d;
  const io::Config c = io::Config::read(path);
  constexpr int64_t kMost = 16384;
  d.height = c.get_in("height", d.height, 1, kMost);
  d.width = c.get_in("width", d.width, 1, kMost);
  d.num_frames = c.get_in("num_frames", d.num_frames, 1, kMost);
  d.num_inference_steps = static_cast<int>(c.get_in("num_inference_steps", d.num_inference_steps, 1, 1000));
  d.guidance_scale = c.get<double>("guidance_scale", d.guidance_scale);
  return d;
}

}  // namespace

WanPipeline::WanPipeline(io::Repository repository, std::string model_name, const LoadOptions& options)
    : repository_(std::move(repository)),
      model_name_(std::move(model_name)),
      options_(options),
      compute_(options),
      transformer_config_(models::WanConfig::parse(repository_.config("transformer"))),
      vae_config_(models::AutoencoderKLWanConfig::parse(repository_.config("vae"))),
      defaults_(read_defaults(repository_)),
      store_(options.embed_cache,
             [this] { return encoder_fingerprint(repository_, options_.variant, options_.dtype, compute_); }),
      preview_(vae_config_.z_dim, vae_config_.spatial_compression_ratio()) {
  if (repository_.contains("transformer_2"))
    fail(ErrorCode::kUnsupported, "{}: a model of two transformers (Wan 2.2); Swan runs Wan 2.1.", repository_.path());
  if (transformer_config_.in_channels != vae_config_.z_dim || transformer_config_.out_channels != vae_config_.z_dim)
    fail(ErrorCode::kShapeMismatch, "{}: the transformer takes {} latent channels and gives {}, and the vae has {}.",
         repository_.path(), transformer_config_.in_channels, transformer_config_.out_channels, vae_config_.z_dim);
  tiny_ = TinyVae::open(options_, compute_,
                        {.latent_channels = vae_config_.z_dim,
                         .spatial_compression_ratio = vae_config_.spatial_compression_ratio(),
                         .temporal_compression_ratio = vae_config_.temporal_compression_ratio(),
                         .video = true});
  (void)repository_.component("scheduler");  // the text encoder may be absent where embeddings are given
  adapters_.read(repository_, options_, &io::wan_transformer_keys());
}

WanPipeline::~WanPipeline() = default;

void WanPipeline::set_loras(const std::vector<Lora>& loras) {
  LoadOptions options = options_;
  options.lora = loras;
  adapters_.read(repository_, options, &io::wan_transformer_keys());
  options_ = std::move(options);
  transformer_.close();
}

// 1. Check inputs
WanPipeline::Plan WanPipeline::check_inputs(const VideoRequest& r) const {
  Plan plan(r);
  constexpr int64_t kMostFrames = 16384;
  const auto wrong = [](const std::string& message) { fail(ErrorCode::kInvalidArgument, "{}", message); };
  plan.prompts = check_prompts(r);
  plan.batch = plan.prompts * r.num_videos_per_prompt;
  check_counts("num_videos_per_prompt", r.num_videos_per_prompt, "videos", plan.batch, r.seed.size());
  const schedulers::TimestepChoice choice = timestep_choice(r, defaults_.num_inference_steps);
  plan.steps = choice.num_inference_steps;
  plan.guidance_scale = r.guidance_scale.value_or(defaults_.guidance_scale);
  check_sampling(plan.steps, plan.guidance_scale);
  check_sequence_length(r.max_sequence_length);

  const int64_t ratio = vae_config_.spatial_compression_ratio(), step = vae_config_.temporal_compression_ratio();
  const ops::Patch patch = transformer_config_.patch_size;
  plan.size = {r.height.value_or(defaults_.height), r.width.value_or(defaults_.width)};
  check_size("a video", plan.size);
  const int64_t unit_h = ratio * patch.height, unit_w = ratio * patch.width;
  if (plan.size.height % unit_h != 0 || plan.size.width % unit_w != 0)
    wrong(
        fmt::format("width and height must be multiples of {} and {} for this model, but are {} x {}; {} x {} is "
                    "nearest.",
                    unit_w, unit_h, plan.size.width, plan.size.height, nearest_multiple(plan.size.width, unit_w),
                    nearest_multiple(plan.size.height, unit_h)));
  const auto given = static_cast<int64_t>(r.video.size());
  plan.num_frames = r.num_frames.value_or(given > 1 ? given : defaults_.num_frames);
  if (plan.num_frames < 1 || plan.num_frames > kMostFrames)
    wrong(fmt::format("num_frames is {}: 1 to {} are possible.", plan.num_frames, kMostFrames));
  if (plan.num_frames % step != 1 % step) {
    const int64_t rounded = std::max<int64_t>(plan.num_frames / step * step + 1, 1);
    log(LogLevel::kWarning, "num_frames must be 1 + {} n for this model: {} instead of {}.", step, rounded,
        plan.num_frames);
    plan.num_frames = rounded;
  }
  const int64_t latent_frames = (plan.num_frames - 1) / step + 1;
  if (latent_frames % patch.frames != 0)
    wrong(fmt::format("{} frames are {} latent frames, which this model's patches of {} do not divide.",
                      plan.num_frames, latent_frames, patch.frames));
  plan.latents = {plan.batch, transformer_config_.in_channels, latent_frames, plan.size.height / ratio,
                  plan.size.width / ratio};
  if (r.latents.defined() && r.latents.shape() != plan.latents)
    wrong(fmt::format("the initial latents have shape {}, but {} videos of {} x {} pixels and {} frames need {}.",
                      r.latents.shape(), plan.batch, plan.size.width, plan.size.height, plan.num_frames, plan.latents));
  check_tiling(r.vae_tiling, ratio);
  tiny_.check_tiling(r.vae_tiling.has_value());
  plan.negative_prompt = negative_prompts(r.negative_prompt, plan.prompts);
  plan.scheduler =
      schedulers::make_scheduler(repository_.config("scheduler"), r.scheduler, r.flow_shift, r.sigma_schedule);
  plan.scheduler->set_timesteps(choice);
  plan_video(plan);
  return plan;
}

// The frames to start from, if there are any.
void WanPipeline::plan_video(Plan& plan) {
  const VideoRequest& r = plan.request;
  constexpr double kStrength = 0.8;
  check_start({.noun = "clip",
               .option = "video",
               .given = !r.video.empty(),
               .strength = r.strength.has_value(),
               .mask = r.mask.has_value(),
               .latents = r.latents.defined()});
  if (r.video.empty()) return;
  const auto given = static_cast<int64_t>(r.video.size());
  if (given > 1 && given < plan.num_frames)
    fail(ErrorCode::kInvalidArgument, "the clip to start from has {} frames, and {} are asked for: ask for fewer.",
         given, plan.num_frames);
  const Image& first = r.video.front();
  const auto check_same = [&](const char* what, const Image& other) {
    if (other.width != first.width || other.height != first.height)
      fail(ErrorCode::kInvalidArgument,
           "{} has {} x {} pixels and the first frame of the clip to start from {} x {}: give all in one size.", what,
           other.width, other.height, first.width, first.height);
  };
  for (const Image& frame : r.video) {
    check_picture(frame);
    check_same("a frame", frame);
  }
  if (r.mask) {
    check_same("the mask", *r.mask);
    plan.mask.emplace(*r.mask, plan.size);
  }
  plan.strength = r.strength.value_or(kStrength);
  plan.first_step = plan.scheduler->order() * first_step(plan.strength, plan.steps, /*whole_steps=*/true);
  plan.scheduler->set_begin_index(plan.first_step);
}

UMT5PromptEncoder& WanPipeline::encoder() {
  if (!encoder_) encoder_ = std::make_unique<UMT5PromptEncoder>(repository_, options_.variant, compute_, store_);
  return *encoder_;
}

// 2. Encode the prompts, positive and negative ones together. A large encoder is gone when this returns.
WanPipeline::Text WanPipeline::encode_prompt(const Plan& plan, Context& ctx) {
  const VideoRequest& r = plan.request;
  std::vector<std::string> texts;
  if (!r.prompt_embeds.defined()) texts = r.prompt;
  const bool negative = plan.guided() && !r.negative_prompt_embeds.defined();
  if (negative) texts.insert(texts.end(), plan.negative_prompt.begin(), plan.negative_prompt.end());
  Tensor encoded;
  if (!texts.empty()) {
    encoded = encoder().encode(texts, r.max_sequence_length, ctx).embeds;
    encoder_->release();
  }
  const auto given = [&](const char* what, const PromptEmbeddings& e) {
    check_embeddings(what, e, plan.prompts, transformer_config_.text_dim, ctx);
    return e.embeds;
  };
  Text text;
  text.positive = r.prompt_embeds.defined() ? given("prompt_embeds", r.prompt_embeds) : encoded.slice(0, plan.prompts);
  if (negative) {
    text.negative = encoded.slice(encoded.dim(0) - plan.prompts, encoded.dim(0));
  } else if (plan.guided()) {
    text.negative = given("negative_prompt_embeds", r.negative_prompt_embeds);
  }
  return text;
}

PromptEmbeddings WanPipeline::embed(const std::vector<std::string>& prompts, int max_sequence_length,
                                    const Callbacks& callbacks) {
  if (prompts.empty()) fail(ErrorCode::kInvalidArgument, "no prompt was given.");
  check_sequence_length(max_sequence_length);
  Context ctx = compute_.context(callbacks.cancel);
  PromptEmbeddings out = encoder().encode(prompts, max_sequence_length, ctx);
  encoder_->release();
  return out;
}

namespace {
// FastWan was distilled with attention to blocks of tokens that a coarse attention chooses, and the coarse one's own
// result, times a gate. Full attention stands for both and has no gate.
void leave_out_gates(io::Weights& weights) {
  bool found = false;
  for (const std::string& name : weights.names()) {
    if (name.find(".to_gate_compress.") == std::string::npos) continue;
    weights.ignore(name);
    found = true;
  }
  if (found)
    log(LogLevel::kWarning, "{}: made for sparse attention; Swan attends to everything, and leaves its gates out.",
        weights.description());
}
}  // namespace

void WanPipeline::load_transformer() {
  transformer_.open(repository_, "transformer", options_.variant, compute_, [&](const auto& weights) {
    leave_out_gates(*weights);
    return adapters_.make<models::WanTransformer3DModel>(transformer_config_, weights, compute_);
  });
}

void WanPipeline::load_vae(ResidentNetwork<models::AutoencoderKLWan>& vae, models::AutoencoderKLWan::Halves half) {
  vae.open(repository_, "vae", options_.variant, compute_, [&](const auto& weights) {
    return std::make_unique<models::AutoencoderKLWan>(vae_config_, weights, compute_.storage(), half);
  });
}

namespace {
void choose_tiling(models::AutoencoderKLWan& vae, const std::optional<VaeTiling>& asked) {
  if (asked) {
    vae.enable_tiling({asked->tile_sample_min_height, asked->tile_sample_min_width, asked->tile_sample_stride_height,
                       asked->tile_sample_stride_width});
  } else {
    vae.disable_tiling();
  }
}
}  // namespace

Tensor WanPipeline::encode_video(const Plan& plan, Context& ctx) {
  Tensor clip = Tensor::empty({1, 3, plan.num_frames, plan.size.height, plan.size.width}, DType::kF32);
  Tensor frame;
  for (int64_t t = 0; t < plan.num_frames; ++t) {
    if (t == 0 || plan.request.video.size() > 1) frame = to_tensor(plan.start(t), plan.size);
    models::put_frame(frame, clip, t);
  }
  load_vae(vae_encoder_, models::AutoencoderKLWan::Halves::kEncoder);
  choose_tiling(*vae_encoder_, plan.request.vae_tiling);
  Context network = ctx.with_dtype(compute_.activations(vae_encoder_.dtype(), Compute::Part::kVae));
  const Tensor moments = vae_encoder_->encode(clip, network).on(nullptr, DType::kF32);  // [1, 2 C, T, h, w]
  vae_encoder_.release(compute_);
  check_finite(moments, "encoding the clip to start from (vae)", ctx);
  // The mean alone, without a draw from the distribution that the second half describes.
  Shape shape = plan.latents;
  const int64_t values = shape[2] * shape[3] * shape[4];
  Tensor latents = Tensor::empty({1, shape[1], shape[2], shape[3], shape[4]}, DType::kF32);
  for (int64_t c = 0; c < shape[1]; ++c) {
    const float reciprocal = 1.0F / static_cast<float>(vae_config_.latents_std[static_cast<size_t>(c)]);
    const auto mean = static_cast<float>(vae_config_.latents_mean[static_cast<size_t>(c)]);
    for (int64_t i = c * values; i < (c + 1) * values; ++i)
      latents.data_mut<float>()[i] = (moments.data<float>()[i] - mean) * reciprocal;
  }
  return latents;
}

namespace {
// Samples of a clip that one pass of the network takes: as many as keep its activations, about ten tensors of tokens
// and the feed-forward's, within this. Small clips go together, guided and unguided ones too; large ones one after the
// other, which takes no longer.
constexpr int64_t kPassBytes = int64_t{256} << 20;

int64_t samples_of_a_pass(const models::WanConfig& c, const Shape& latents, int64_t samples) {
  const ops::Patch p = c.patch_size;
  const int64_t tokens = latents[2] / p.frames * (latents[3] / p.height) * (latents[4] / p.width);
  const int64_t bytes = tokens * (10 * c.inner_dim() + c.ffn_dim) * static_cast<int64_t>(sizeof(float));
  return std::clamp<int64_t>(kPassBytes / std::max<int64_t>(bytes, 1), 1, samples);
}
}  // namespace

// 3. to 6. Timesteps, latents, and the loop
Tensor WanPipeline::denoise(const Plan& plan, const Text& text, const Tensor& clip, Stages& stages, Context& ctx) {
  const VideoRequest& r = plan.request;
  Noise noise(r.seed);
  Tensor latents = r.latents.defined() ? r.latents.to(DType::kF32) : noise.draw(plan.latents, ctx);
  if (r.latents.defined()) check_finite(latents, "reading the initial latents", ctx);
  latents = latents.on(ctx.device());
  std::optional<LatentBlend> keep;
  if (clip.defined()) {
    const Tensor start = repeat_rows(clip, plan.batch, ctx);
    if (plan.mask) keep.emplace(plan.mask->latent_mask(plan.latents), start, latents, ctx);
    latents = plan.scheduler->add_noise(start, latents, plan.first_step, ctx);
  } else {
    latents = initial_sample(latents, *plan.scheduler, ctx);
  }
  const int steps = static_cast<int>(plan.scheduler->timesteps().size());
  if (plan.scheduler->needs_noise()) noise.prepare(plan.latents, steps - plan.first_step, ctx);

  // The network computes in its own dtype, the solver in f32.
  Context network = ctx.with_dtype(compute_.activations(transformer_.dtype())).with_f8(compute_.f8());
  // Samples: the videos with their prompts, then, guided, the same with the negative ones. What the network makes of
  // the prompts is made once.
  Tensor embeds = repeat_rows(text.positive, r.num_videos_per_prompt, ctx);
  if (plan.guided()) {
    const std::array both = {embeds, repeat_rows(text.negative, r.num_videos_per_prompt, ctx)};
    embeds = ops::concat_rows(both, ctx);
  }
  const int64_t samples = embeds.dim(0), pass = samples_of_a_pass(transformer_config_, plan.latents, samples);
  std::vector<models::WanText> texts;
  for (int64_t first = 0; first < samples; first += pass)
    texts.push_back(transformer_->encode_text(embeds.slice(first, std::min(samples, first + pass)), network));

  const Tensor timesteps = all_timesteps(plan.scheduler->timesteps(), pass, 1).on(ctx.device());
  std::deque<Replay> replays;  // which do not move
  for (size_t i = 0; i < texts.size(); ++i) replays.emplace_back(network);
  FiniteChecks checks(ctx);
  for (int i = plan.first_step; i < steps; ++i) {
    std::vector<Tensor> predictions;
    for (int64_t first = 0; first < samples; first += pass) {
      ctx.check_cancelled();
      const int64_t end = std::min(samples, first + pass);
      const auto part = static_cast<size_t>(first / pass);
      const auto predict = [&](std::span<const Tensor> inputs) {
        std::vector<Tensor> rows;
        for (int64_t s = first; s < end; ++s) rows.push_back(inputs[0].slice(s % plan.batch, s % plan.batch + 1));
        return transformer_->forward(ops::concat_rows(rows, network), inputs[1], texts[part], network).to(DType::kF32);
      };
      const std::array inputs = {latents, timesteps.slice(i, i + 1).reshape({pass}).slice(0, end - first)};
      predictions.push_back(replays[part].run(inputs, predict));
    }
    Tensor noise_pred = ops::concat_rows(predictions, ctx);
    checks.add(noise_pred, fmt::format("denoising step {} of {} (transformer)", i + 1, steps));
    if (plan.guided()) {
      const Tensor cond = noise_pred.slice(0, plan.batch), uncond = noise_pred.slice(plan.batch, samples);
      noise_pred = guide(uncond, cond, plan.guidance_scale, ctx);
    }
    if (const int step = i + 1 - plan.first_step; stages.preview_due(step))
      preview_.show(plan.scheduler->predict_x0(noise_pred, i, latents, ctx), step, stages);
    const Tensor draw = plan.scheduler->needs_noise() ? noise.draw(plan.latents, ctx) : Tensor();
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

// 7. Decode, one video after the other and frame by frame
void WanPipeline::decode(const Plan& plan, const Tensor& latents, const VideoCallbacks& callbacks, VideoResult& result,
                         Stages& stages, Context& ctx) {
  if (!tiny_.used()) choose_tiling(*vae_, plan.request.vae_tiling);
  Context network = tiny_.used() ? tiny_.context(ctx, compute_)
                                 : ctx.with_dtype(compute_.activations(vae_.dtype(), Compute::Part::kVae));
  struct Blocked {};  // ends the decoding of a video
  const int64_t channels = latents.dim(1), values = latents.numel() / (latents.dim(0) * channels);
  result.frames.resize(static_cast<size_t>(plan.batch));
  result.blocked.resize(static_cast<size_t>(plan.batch), false);
  for (int64_t b = 0; b < plan.batch; ++b) {
    // The reference divides by the reciprocal of the deviation. A tiny decoder takes latents as they are.
    Tensor z = latents.slice(b, b + 1).clone();
    for (int64_t c = 0; c < channels && !tiny_.used(); ++c) {
      const float reciprocal = 1.0F / static_cast<float>(vae_config_.latents_std[static_cast<size_t>(c)]);
      const auto mean = static_cast<float>(vae_config_.latents_mean[static_cast<size_t>(c)]);
      auto* p = z.data_mut<float>() + c * values;
      for (int64_t i = 0; i < values; ++i) p[i] = p[i] / reciprocal + mean;
    }
    const std::string prompt = prompt_of(plan.request.prompt, b / plan.request.num_videos_per_prompt);
    int64_t frame = 0;
    Image start;  // the frame's, or that of all
    const auto take = [&](const Tensor& decoded) {
      ctx.check_cancelled();
      check_finite(decoded, fmt::format("decoding frame {} of video {} (vae)", frame + 1, b + 1), ctx);
      Image image = to_image(decoded, ctx);
      // A latent stands for four frames, the first one alone for its own.
      if (const int64_t ratio = vae_config_.temporal_compression_ratio(); stages.watched() && frame % ratio == 0)
        preview_.learn(latents, b, frame / ratio, image);
      if (plan.mask) {
        if (frame == 0 || plan.request.video.size() > 1) start = resize_lanczos(plan.start(frame), plan.size);
        plan.mask->restore(image, start);
      }
      if (!stages.inspect(image, prompt, b, frame, plan.num_frames)) throw Blocked();
      if (callbacks.frame) {
        callbacks.frame({.video = b, .frame = frame, .image = std::move(image)});
      } else {
        result.frames[static_cast<size_t>(b)].push_back(std::move(image));
      }
      ++frame;
      stages.step();
    };
    try {
      if (tiny_.used()) {
        tiny_.network->decode(z, take, network);
      } else {
        vae_->decode(z, take, network);
      }
    } catch (const Blocked&) {
      result.blocked[static_cast<size_t>(b)] = true;
    }
  }
}

VideoResult WanPipeline::generate(const VideoRequest& given, const VideoCallbacks& callbacks) {
  VideoRequest request = given;
  if (!defaults_.preset.empty()) apply_preset(defaults_.preset, request);
  const Plan plan = check_inputs(request);
  Context ctx = compute_.context(callbacks.cancel);
  Stages stages(callbacks, compute_.device());

  stages.begin("encode", request.video.empty() ? 1 : 2);
  const Text text = encode_prompt(plan, ctx);
  stages.step();
  compute_.end_stage();
  Tensor clip;
  if (!request.video.empty()) {
    clip = encode_video(plan, ctx);
    stages.step();
    compute_.end_stage();
  }

  stages.begin("denoise", static_cast<int>(plan.scheduler->timesteps().size()) - plan.first_step);
  load_transformer();
  VideoResult result;
  result.latents = denoise(plan, text, clip, stages, ctx);
  transformer_.release(compute_);
  compute_.end_stage();

  const RunFacts facts = {.model = model_name_,
                          .revision = repository_.revision(),
                          .load = options_,
                          .loras = adapters_.facts(),
                          .device = compute_.device_name(),
                          .pipeline = request.video.empty() ? repository_.class_name() : "WanVideoToVideoPipeline",
                          .scheduler = plan.scheduler->name(),
                          .scheduler_config = plan.scheduler->describe(),
                          .complex_human_instruction = {},
                          .height = plan.size.height,
                          .width = plan.size.width,
                          .num_frames = plan.num_frames,
                          .num_inference_steps = plan.steps,
                          .strength = plan.strength,
                          .guidance_scale = plan.guidance_scale};
  for (int64_t i = 0; i < plan.batch; ++i) result.parameters.push_back(parameters_of(request, facts, i));
  result.height = plan.size.height;
  result.width = plan.size.width;
  result.num_frames = plan.num_frames;

  if (request.decode) {
    stages.begin("decode", static_cast<int>(plan.batch * plan.num_frames));
    if (!tiny_.used()) load_vae(vae_, models::AutoencoderKLWan::Halves::kDecoder);
    if (callbacks.begin)
      callbacks.begin({.videos = plan.batch,
                       .height = plan.size.height,
                       .width = plan.size.width,
                       .num_frames = plan.num_frames,
                       .parameters = result.parameters});
    decode(plan, result.latents, callbacks, result, stages, ctx);
    vae_.release(compute_);
    compute_.end_stage();
  }
  stages.end();
  result.seconds = stages.seconds();
  result.stage_peak_bytes = stages.peaks();
  result.peak_bytes = peak_resident_bytes();
  return result;
}

}  // namespace swan::pipelines

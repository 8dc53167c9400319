// Mirrors diffusers 0.42 pipelines/sana/pipeline_sana_sprint.py, SanaSprintPipeline.__call__, and its image to image
// twin from where they differ from SanaPipeline's.
#include "pipelines/sana_sprint.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/replay.h"
#include "ops/elementwise.h"
#include "pipelines/noise.h"
#include "pipelines/prompt_embeddings.h"
#include "pipelines/stages.h"
#include "pipelines/timesteps.h"

namespace swan::pipelines {

SanaSprintPipeline::SanaSprintPipeline(io::Repository opened, std::string model_name, const LoadOptions& options)
    : SanaPipeline(std::move(opened), std::move(model_name), options, /*guidance_embeds=*/true),
      scheduler_options_(schedulers::read_scm_options(repository().config("scheduler"))) {
  const models::SanaConfig& c = transformer_config();
  if (c.out_channels != c.in_channels)
    fail(ErrorCode::kShapeMismatch, "{}: the transformer of a Sana-Sprint takes {} latent channels and gives {}.",
         repository().path(), c.in_channels, c.out_channels);
}

void SanaSprintPipeline::plan_sampling(Plan& plan) const {
  const ImageRequest& r = plan.request;
  const auto wrong = [](const std::string& message) { fail(ErrorCode::kInvalidArgument, "{}", message); };
  const auto is_text = [](const std::string& text) { return !text.empty(); };
  if (r.negative_prompt_embeds.defined() || std::any_of(r.negative_prompt.begin(), r.negative_prompt.end(), is_text))
    wrong("Sana-Sprint takes no negative prompt: its guidance is built into the network; leave it out.");
  if (r.flow_shift) wrong("flow_shift is not for Sana-Sprint, whose scheduler has no shift; leave it out.");
  if (!r.sigma_schedule.empty() || !r.sigmas.empty())
    wrong(fmt::format("{} is not for Sana-Sprint, whose times are angles: give timesteps, or leave it out.",
                      r.sigmas.empty() ? "sigma_schedule" : "sigmas"));
  if (!r.timesteps.empty() && (r.max_timesteps || r.intermediate_timesteps))
    wrong("both timesteps and max_timesteps or intermediate_timesteps are given: give one of them.");
  schedulers::SCMTimesteps angles;
  angles.timesteps = r.timesteps;
  if (angles.timesteps.size() > 1 && angles.timesteps.back() == 0) angles.timesteps.pop_back();
  angles.max_timesteps = r.max_timesteps.value_or(angles.max_timesteps);
  if (r.intermediate_timesteps) angles.intermediate_timesteps = r.intermediate_timesteps;
  if (r.intermediate_timesteps == 0.0 || (!r.intermediate_timesteps && plan.num_inference_steps != 2))
    angles.intermediate_timesteps.reset();
  angles.begin_index = plan_picture(plan);  // the scheduler leaves those steps out
  auto scheduler = std::make_unique<schedulers::SCM>(
      r.scheduler.empty() ? scheduler_options_
                          : schedulers::read_scm_options(repository().config("scheduler"), r.scheduler));
  scheduler->set_timesteps(plan.num_inference_steps, angles);
  plan.scheduler = std::move(scheduler);
}

// 5. Noise, or the picture with noise over it, of standard deviation sigma_data
Tensor SanaSprintPipeline::prepare_latents(const Plan& plan, const Tensor& image_latents, const Tensor& start,
                                           Context& ctx) const {
  const float scale = sigma_data();
  if (!image_latents.defined()) return ops::linear_combination(std::array{scale}, std::array{start}, ctx);
  const float angle = plan.scheduler->timesteps().front();
  return ops::linear_combination(std::array{std::cos(angle) * scale, std::sin(angle) * scale},
                                 std::array{repeat_rows(image_latents, plan.batch, ctx), start}, ctx);
}

// 7. The loop. The network was a flow's before it was distilled, so that it is asked as one: what the solver knows by
// an angle t is scaled to the sample at the flow's time s, and the flow's velocity turned into the circle's.
Tensor SanaSprintPipeline::denoise(const Plan& plan, const PromptEmbeddings& prompts, const Tensor& image_latents,
                                   Stages& stages, Context& ctx) {
  const ImageRequest& r = plan.request;
  const int steps = static_cast<int>(plan.scheduler->timesteps().size());
  Noise noise(r.seed);
  const Tensor start =
      (r.latents.defined() ? r.latents.to(DType::kF32) : noise.draw(plan.latents, ctx)).on(ctx.device());
  if (r.latents.defined()) check_finite(start, "reading the initial latents", ctx);
  Tensor latents = prepare_latents(plan, image_latents, start, ctx);
  const std::optional<LatentBlend> keep = blend(plan, image_latents, start, ctx);
  noise.prepare(plan.latents, steps - 1, ctx);  // the last step adds none

  Context network = network_context(ctx);
  const models::SanaText text = transformer().encode_text(prompts.embeds, prompts.attention_mask, network);
  const Tensor guidance =
      Tensor::full({plan.batch}, static_cast<float>(r.guidance_scale * transformer_config().guidance_embeds_scale))
          .on(ctx.device());
  const auto predict = [&](std::span<const Tensor> inputs) {
    const models::SanaCondition condition = {
        .timestep = inputs[1], .guidance = inputs[2], .controlnet_block_samples = {}};
    return transformer()
        .forward(inputs[0], models::SanaText::of(inputs.subspan(3)), condition, network)
        .to(DType::kF32);  // [B, C, h, w]
  };
  std::vector<Tensor> constants = text.tensors();
  constants.insert(constants.begin(), guidance);
  Replay replay(network, {.home = &replays(), .work = "step", .constants = std::move(constants), .calls = steps});
  FiniteChecks checks(ctx);
  const std::vector<float>& times = plan.scheduler->sigmas();
  const Tensor timesteps =
      all_timesteps(std::span(times).first(static_cast<size_t>(steps)), plan.batch, 1.0).on(ctx.device());
  for (int i = 0; i < steps; ++i) {
    ctx.check_cancelled();
    const float s = times[static_cast<size_t>(i)], radius = std::sqrt(s * s + (1 - s) * (1 - s));
    const Tensor input = ops::linear_combination(std::array{radius / sigma_data()}, std::array{latents}, ctx);
    const std::array inputs = {input, timesteps.slice(i, i + 1).reshape({plan.batch})};
    Tensor noise_pred = replay.run(inputs, predict);
    checks.add(noise_pred, fmt::format("denoising step {} of {} (transformer)", i + 1, steps));

    const float scale = sigma_data() / radius;
    noise_pred = ops::linear_combination(std::array{(1 - 2 * s) * scale, (1 - 2 * s + 2 * s * s) * scale},
                                         std::array{input, noise_pred}, ctx);
    if (stages.preview_due(i + 1)) {
      const Tensor x0 = plan.scheduler->predict_x0(noise_pred, i, latents, ctx);
      preview().show(ops::linear_combination(std::array{1 / sigma_data()}, std::array{x0}, ctx), i + 1, stages);
    }
    const Tensor draw = plan.scheduler->step_needs_noise(i) ? noise.draw(plan.latents, ctx) : Tensor();
    latents = plan.scheduler->step(noise_pred, i, latents, draw, ctx);
    if (keep) {
      const float next = i + 1 < steps ? plan.scheduler->timesteps()[static_cast<size_t>(i) + 1] : 0;
      latents = (*keep)(latents, std::cos(next) * sigma_data(), std::sin(next) * sigma_data(), ctx);
    }
    stages.step();
  }
  checks.add(latents, "the last denoising step (scheduler)");
  checks.verify();
  return ops::linear_combination(std::array{1 / sigma_data()}, std::array{latents}, ctx).cpu();
}

}  // namespace swan::pipelines

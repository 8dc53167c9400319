// Mirrors diffusers 0.42 models/controlnets/controlnet_sana.py, in its order.
#include "models/sana_controlnet.h"

#include <array>

#include "core/error.h"
#include "ops/elementwise.h"

namespace swan::models {

SanaConfig parse_sana_controlnet_config(const io::Config& c) {
  if (const std::string name = c.class_name(); !name.empty() && name != "SanaControlNetModel")
    fail(ErrorCode::kUnsupported, "{}: it is of a {}, but a SanaControlNetModel is needed to control Sana.", c.path(),
         name);
  constexpr int64_t kLayers = 7;
  SanaConfig s = SanaConfig::parse(c, kLayers);
  s.guidance_embeds = s.qk_norm = false;  // this class has neither
  return s;
}

SanaControlNetModel::SanaControlNetModel(const SanaConfig& c, const nn::Scope& s)
    : Module(s),
      config_(c),
      patch_embed_(c, s / "patch_embed"),
      time_embed_(c, s / "time_embed"),
      caption_(c, s),
      transformer_blocks_(make_sana_blocks(c, s)),
      input_block_(s / "input_block", c.inner_dim(), c.inner_dim()) {
  controlnet_blocks_.reserve(transformer_blocks_.size());
  for (int64_t i = 0; i < c.num_layers; ++i)
    controlnet_blocks_.emplace_back(s / "controlnet_blocks" / i, c.inner_dim(), c.inner_dim());
}

SanaText SanaControlNetModel::encode_text(const Tensor& encoder_hidden_states, const Tensor& encoder_attention_mask,
                                          Context& ctx) const {
  return encode_sana_text(caption_, transformer_blocks_, encoder_hidden_states, encoder_attention_mask, ctx);
}

Tensor SanaControlNetModel::encode_condition(const Tensor& controlnet_cond, Context& ctx) const {
  (void)sana_grid("SanaControlNetModel", controlnet_cond, config_.patch_size);
  return tap(ctx, input_block_.forward(patch_embed_.forward(ctx.to_compute(controlnet_cond), ctx), ctx), "input_block");
}

std::vector<Tensor> SanaControlNetModel::forward(const Tensor& hidden_states, const SanaText& text,
                                                 const Tensor& condition, const Tensor& timestep,
                                                 double conditioning_scale, Context& ctx) const {
  const SanaGrid grid = sana_grid("SanaControlNetModel", hidden_states, config_.patch_size);
  const int64_t batch = hidden_states.dim(0), tokens = grid.height * grid.width, channels = config_.inner_dim();
  check_rank("SanaControlNetModel", "condition", condition, 3);
  const bool shared = condition.dim(0) == 1;
  if (condition.shape() != Shape{shared ? 1 : batch, tokens, channels})
    fail(ErrorCode::kShapeMismatch,
         "SanaControlNetModel: a condition of shape {} for latents {}; their sizes must be one.", condition.shape(),
         hidden_states.shape());

  // 1. Input
  Tensor hidden = patch_embed_.forward(ctx.to_compute(hidden_states), ctx);  // [B, N, C]
  hidden = ops::add(hidden, shared ? condition.reshape({tokens, channels}) : condition, ctx);
  const Tensor modulation = time_embed_.forward(timestep, {}, ctx).modulation;

  // 2. and 3. Transformer blocks, each with its ControlNet block
  const std::array scale = {static_cast<float>(conditioning_scale)};
  std::vector<Tensor> samples;
  for (size_t i = 0; i < transformer_blocks_.size(); ++i) {
    ctx.check_cancelled();
    hidden =
        transformer_blocks_[i].forward(hidden, text.blocks.at(i), text.bias, modulation, grid.height, grid.width, ctx);
    const Tensor sample = tap(ctx, controlnet_blocks_[i].forward(hidden, ctx), fmt::format("controlnet_blocks.{}", i));
    samples.push_back(scale[0] == 1 ? sample : ops::linear_combination(scale, std::array{sample}, ctx));
  }
  return samples;
}

}  // namespace swan::models

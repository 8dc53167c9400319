// Mirrors diffusers 0.42 models/transformers/sana_transformer.py, SanaTransformer2DModel.
#include "models/sana_transformer.h"

#include "core/error.h"
#include "ops/elementwise.h"
#include "ops/layout.h"

namespace swan::models {

SanaTransformer2DModel::SanaTransformer2DModel(const SanaConfig& c, const nn::Scope& s)
    : Module(s),
      config_(c),
      patch_embed_(c, s / "patch_embed"),
      time_embed_(c, s / "time_embed"),
      caption_(c, s),
      transformer_blocks_(make_sana_blocks(c, s)),
      scale_shift_table_(s.vector("scale_shift_table", {2, c.inner_dim()})),
      proj_out_(s / "proj_out", c.inner_dim(), c.patch_size * c.patch_size * c.out_channels) {}

SanaText SanaTransformer2DModel::encode_text(const Tensor& encoder_hidden_states, const Tensor& encoder_attention_mask,
                                             Context& ctx) const {
  return encode_sana_text(caption_, transformer_blocks_, encoder_hidden_states, encoder_attention_mask, ctx);
}

Tensor SanaTransformer2DModel::forward(const Tensor& hidden_states, const SanaText& text,
                                       const SanaCondition& condition, Context& ctx) const {
  const SanaGrid grid = sana_grid("SanaTransformer2DModel", hidden_states, config_.patch_size);
  if (condition.guidance.defined() != time_embed_.has_guidance())
    fail(ErrorCode::kInvalidArgument, "SanaTransformer2DModel: a guidance embedding was {}, but guidance_embeds is {}.",
         condition.guidance.defined() ? "given" : "not given", time_embed_.has_guidance());

  // 1. Input
  Tensor hidden = patch_embed_.forward(ctx.to_compute(hidden_states), ctx);  // [B, N, C]
  const auto time = time_embed_.forward(condition.timestep, condition.guidance, ctx);

  // 2. Transformer blocks
  for (size_t i = 0; i < transformer_blocks_.size(); ++i) {
    ctx.check_cancelled();
    const int64_t perturbed = condition.perturbed > 0 && condition.perturbed_blocks.at(i) ? condition.perturbed : 0;
    hidden = transformer_blocks_[i].forward(hidden, text.blocks.at(i), text.bias, time.modulation, grid.height,
                                            grid.width, ctx, perturbed);
    if (i > 0 && i <= condition.controlnet_block_samples.size())
      hidden = ops::add(hidden, ctx.to_compute(condition.controlnet_block_samples[i - 1]), ctx);
  }

  // 3. Normalization, by the embedded timestep rather than its projection
  const int64_t channels = hidden.dim(2);
  const Tensor shift = ops::add(time.embedded_timestep, scale_shift_table_.slice(0, 1).reshape({channels}), ctx);
  const Tensor scale = ops::add(time.embedded_timestep, scale_shift_table_.slice(1, 2).reshape({channels}), ctx);
  hidden = tap(ctx, ops::layer_norm_modulate(hidden, scale, shift, 1e-6F, ctx), "norm_out");
  hidden = tap(ctx, proj_out_.forward(hidden, ctx), "proj_out");  // [B, N, p p out_channels]

  // 4. Unpatchify
  return ops::unpatchify(hidden, grid.height, grid.width, config_.patch_size, ctx);
}

}  // namespace swan::models

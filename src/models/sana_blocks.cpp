// Mirrors diffusers 0.42 models/transformers/sana_transformer.py, the parts of its networks.
#include "models/sana_blocks.h"

#include <array>
#include <cmath>

#include "core/error.h"
#include "models/sincos_embedding.h"
#include "ops/elementwise.h"
#include "ops/embedding.h"
#include "ops/layout.h"

namespace swan::models {

// ---- Attention with SanaLinearAttnProcessor2_0 or SanaAttnProcessor2_0

SanaAttention::SanaAttention(const Sizes& d, const nn::Scope& s)
    : Module(s),
      to_q_(s / "to_q", d.query_dim, d.inner_dim, d.bias),
      to_k_(s / "to_k", d.context_dim, d.inner_dim, d.bias),
      to_v_(s / "to_v", d.context_dim, d.inner_dim, d.bias),
      to_out_(s / "to_out" / 0, d.inner_dim, d.query_dim) {
  if (!d.qk_norm) return;
  norm_q_.emplace(s / "norm_q", d.inner_dim, nn::RmsNorm::Options{.eps = 1e-5F});
  norm_k_.emplace(s / "norm_k", d.inner_dim, nn::RmsNorm::Options{.eps = 1e-5F});
}

Tensor SanaAttention::forward_linear(const nn::LinearInput& hidden, int64_t heads, Context& ctx) const {
  const Tensor y =
      ops::relu_linear_attention(query(hidden, ctx), key(hidden, ctx), to_v_.forward(hidden, ctx), heads, 1e-15F, ctx);
  return tap(ctx, to_out_.forward(y, ctx));
}

Tensor SanaAttention::forward_perturbed(const nn::LinearInput& hidden, int64_t perturbed, int64_t heads,
                                        Context& ctx) const {
  const Tensor q = to_q_.forward(hidden, ctx), k = to_k_.forward(hidden, ctx), v = to_v_.forward(hidden, ctx);
  const int64_t rows = v.dim(0), whole = rows - perturbed;
  if (perturbed < 1 || whole < 1)
    fail(ErrorCode::kInvalidArgument, "{}: {} of {} samples are to be perturbed; some must be, and some not.", path(),
         perturbed, rows);
  const std::array parts = {
      ops::relu_linear_attention(q.slice(0, whole), k.slice(0, whole), v.slice(0, whole), heads, 1e-15F, ctx),
      v.slice(whole, rows)};
  return tap(ctx, to_out_.forward(ops::concat_rows(parts, ctx), ctx));
}

SanaText::Keys SanaAttention::keys(const Tensor& text, Context& ctx) const {
  const nn::LinearInput read = to_k_.read(text, ctx);
  return {key(read, ctx), to_v_.forward(read, ctx)};
}

Tensor SanaAttention::forward_softmax(const Tensor& hidden, const SanaText::Keys& text,
                                      const ops::AttentionOptions& options, Context& ctx) const {
  return tap(ctx, to_out_.forward(ops::attention(query(hidden, ctx), text.key, text.value, options, ctx), ctx));
}

Tensor SanaAttention::query(const nn::LinearInput& x, Context& ctx) const {
  const Tensor q = to_q_.forward(x, ctx);
  return norm_q_ ? tap(ctx, norm_q_->forward(q, ctx), "norm_q") : q;
}

Tensor SanaAttention::key(const nn::LinearInput& x, Context& ctx) const {
  const Tensor k = to_k_.forward(x, ctx);
  return norm_k_ ? tap(ctx, norm_k_->forward(k, ctx), "norm_k") : k;
}

// ---- PatchEmbed

SanaPatchEmbed::SanaPatchEmbed(const SanaConfig& c, const nn::Scope& s)
    : Module(s),
      base_size_(c.sample_size / c.patch_size),
      interpolation_scale_(c.interpolation_scale),
      proj_(s / "proj", c.in_channels, c.inner_dim(), c.patch_size, {.stride = c.patch_size}) {}

Tensor SanaPatchEmbed::forward(const Tensor& latents, Context& ctx) const {
  const Tensor grid = proj_.forward(ops::nchw_to_nhwc(latents, ctx), ctx);  // [B, h, w, C]
  Tensor tokens = grid.reshape({grid.dim(0), grid.dim(1) * grid.dim(2), grid.dim(3)});
  if (interpolation_scale_) {
    const SincosGrid shape = {.height = grid.dim(1),
                              .width = grid.dim(2),
                              .base_size = base_size_,
                              .interpolation_scale = *interpolation_scale_};
    const std::string key = fmt::format("{}: {} x {} positions", path(), shape.height, shape.width);
    tokens = ops::add(tokens, ctx.constant(key, [&] { return sincos_position_embedding(grid.dim(3), shape); }), ctx);
  }
  return tap(ctx, tokens);
}

// ---- AdaLayerNormSingle and SanaCombinedTimestepGuidanceEmbeddings

SanaTimeEmbed::SanaTimeEmbed(const SanaConfig& c, const nn::Scope& s)
    // Without guidance the embedder stands one level deeper: time_embed.emb.timestep_embedder.
    : Module(s),
      timestep_(c.inner_dim(), (c.guidance_embeds ? s : s / "emb") / "timestep_embedder"),
      linear_(s / "linear", c.inner_dim(), 6 * c.inner_dim()) {
  if (c.guidance_embeds) guidance_.emplace(c.inner_dim(), s / "guidance_embedder");
}

SanaTimeEmbed::Result SanaTimeEmbed::forward(const Tensor& timestep, const Tensor& guidance, Context& ctx) const {
  Tensor embedded = timestep_.forward(timestep, ctx);
  if (guidance_) embedded = ops::add(embedded, guidance_->forward(guidance, ctx), ctx);
  Result r{.modulation = linear_.forward(ops::activate(embedded, ops::Activation::kSilu, ctx), ctx),
           .embedded_timestep = embedded};
  (void)tap(ctx, r.modulation, "0");
  (void)tap(ctx, r.embedded_timestep, "1");
  return r;
}

SanaTimeEmbed::TimestepEmbedding::TimestepEmbedding(int64_t dim, const nn::Scope& s)
    : Module(s), linear_1_(s / "linear_1", kSinusoids, dim), linear_2_(s / "linear_2", dim, dim) {}

Tensor SanaTimeEmbed::TimestepEmbedding::forward(const Tensor& t, Context& ctx) const {
  const Tensor x =
      linear_1_.forward(ctx.to_compute(ops::timestep_embedding(t, kSinusoids, ctx)), ctx, ops::Activation::kSilu);
  return tap(ctx, linear_2_.forward(x, ctx));
}

// ---- PixArtAlphaTextProjection

SanaCaption::SanaCaption(const SanaConfig& c, const nn::Scope& s)
    : Module(s),
      linear_1_(s / "caption_projection" / "linear_1", c.caption_channels, c.inner_dim()),
      linear_2_(s / "caption_projection" / "linear_2", c.inner_dim(), c.inner_dim()),
      norm_(s / "caption_norm", c.inner_dim(), {.eps = 1e-5F}) {}

Tensor SanaCaption::forward(const Tensor& encoder_hidden_states, Context& ctx) const {
  Tensor text = ctx.to_compute(encoder_hidden_states);
  text = linear_1_.forward(text, ctx, ops::Activation::kGeluTanh);
  text = tap(ctx, linear_2_.forward(text, ctx), "caption_projection");
  return tap(ctx, norm_.forward(text, ctx), "caption_norm");
}

// ---- SanaTransformerBlock

SanaTransformerBlock::SanaTransformerBlock(const SanaConfig& c, const nn::Scope& s)
    : Module(s),
      eps_(static_cast<float>(c.norm_eps)),
      heads_(c.num_attention_heads),
      cross_{.heads = c.num_cross_attention_heads,
             .kv_heads = c.num_cross_attention_heads,
             .scale = 1.0F / std::sqrt(static_cast<float>(c.cross_attention_head_dim))},
      attn1_({c.inner_dim(), c.inner_dim(), c.inner_dim(), c.attention_bias, c.qk_norm}, (s / "attn1").f8()),
      attn2_({c.inner_dim(), c.cross_attention_dim, c.num_cross_attention_heads * c.cross_attention_head_dim, true,
              c.qk_norm},
             (s / "attn2").f8()),
      ff_((s / "ff").f8(), c.inner_dim(), c.inner_dim(), {.expand_ratio = c.mlp_ratio, .residual_connection = false}),
      scale_shift_table_(s.vector("scale_shift_table", {6, c.inner_dim()})) {
  if (!c.norm_elementwise_affine) return;
  norm2_weight_ = (s / "norm2").vector("weight", {c.inner_dim()});
  norm2_bias_ = (s / "norm2").vector("bias", {c.inner_dim()});
}

Tensor SanaTransformerBlock::forward(Tensor hidden, const SanaText::Keys& text, const Tensor& text_bias,
                                     const Tensor& temb, int64_t height, int64_t width, Context& ctx,
                                     int64_t perturbed) const {
  // 1. Modulation
  const int64_t batch = hidden.dim(0), channels = hidden.dim(2);
  const Tensor table = ops::add(temb, scale_shift_table_.reshape({6 * channels}), ctx);  // [B, 6 C]
  const auto chunk = [&](int64_t i) { return ops::slice_channels(table, i * channels, (i + 1) * channels, ctx); };
  const Tensor shift_msa = chunk(0), scale_msa = chunk(1), gate_msa = chunk(2);
  Tensor shift_mlp = chunk(3), scale_mlp = chunk(4);
  const Tensor gate_mlp = chunk(5);

  // 2. Self-attention
  tap_made(ctx, "norm1", [&] {
    const Tensor none = Tensor::zeros({batch, channels}, DType::kF32);
    return ops::layer_norm_modulate(hidden, none, none, eps_, ctx);
  });
  const nn::LinearInput normed = nn::layer_norm_modulate_into(attn1_.reader(), hidden, scale_msa, shift_msa, eps_, ctx);
  const Tensor attended = perturbed > 0 ? attn1_.forward_perturbed(normed, perturbed, heads_, ctx)
                                        : attn1_.forward_linear(normed, heads_, ctx);
  hidden = ops::add_gated(hidden, gate_msa, attended, ctx);

  // 3. Cross-attention to the prompt, from the un-normalised hidden state
  ops::AttentionOptions cross = cross_;
  cross.bias = text_bias;
  hidden = ops::add(hidden, attn2_.forward_softmax(hidden, text, cross, ctx), ctx);

  // 4. Feed-forward over the grid
  if (norm2_weight_.defined()) fold_norm2(shift_mlp, scale_mlp, ctx);
  Tensor x = ops::layer_norm_modulate(hidden, scale_mlp, shift_mlp, eps_, ctx);
  x = ff_.forward(x.reshape({batch, height, width, channels}), ctx).reshape({batch, height * width, channels});
  return tap(ctx, ops::add_gated(hidden, gate_mlp, x, ctx));
}

// (n w + b) (1 + scale) + shift = n (1 + scale') + shift' with scale' = w (1 + scale) - 1, shift' = b (1 + scale) +
// shift
void SanaTransformerBlock::fold_norm2(Tensor& shift, Tensor& scale, Context& ctx) const {
  const int64_t channels = scale.dim(1);
  const Tensor none = Tensor::zeros(scale.shape(), DType::kF32);
  const Tensor factor = ops::add(scale, Tensor::full({channels}, 1.0F), ctx);
  const auto times = [&](const Tensor& vector) {
    return ops::gated_activation(ops::add(none, vector, ctx), factor, ops::Activation::kNone, ctx);
  };
  shift = ops::add(times(norm2_bias_), shift, ctx);
  scale = ops::add(times(norm2_weight_), Tensor::full({channels}, -1.0F), ctx);
}

std::vector<SanaTransformerBlock> make_sana_blocks(const SanaConfig& c, const nn::Scope& s) {
  std::vector<SanaTransformerBlock> blocks;
  blocks.reserve(static_cast<size_t>(c.num_layers));
  for (int64_t i = 0; i < c.num_layers; ++i) blocks.emplace_back(c, s / "transformer_blocks" / i);
  return blocks;
}

// ---- What the networks' forwards begin with

namespace {
// A 0/1 mask becomes (1 - mask) * -10000, added to the scores; a bias is taken as it is.
Tensor text_bias_of(const Tensor& mask) {
  if (!mask.defined()) return {};
  if (mask.rank() == 3) {
    const int64_t batch = mask.dim(0), length = mask.dim(2);
    if (mask.dim(1) == 1) return mask.reshape({batch, length});
    return mask;
  }
  check_rank("encode_sana_text", "encoder_attention_mask", mask, 2);
  Tensor bias = Tensor::empty(mask.shape(), DType::kF32);
  for (int64_t i = 0; i < mask.numel(); ++i)
    bias.data_mut<float>()[i] = (1.0F - static_cast<float>(mask.data<int32_t>()[i])) * -10000.0F;
  return bias;
}
}  // namespace

std::vector<Tensor> SanaText::tensors() const {
  std::vector<Tensor> out = {bias};
  for (const Keys& keys : blocks) out.insert(out.end(), {keys.key, keys.value});
  return out;
}

SanaText SanaText::of(std::span<const Tensor> tensors) {
  SanaText out{.blocks = {}, .bias = tensors[0]};
  for (size_t i = 1; i + 1 < tensors.size(); i += 2) out.blocks.push_back({tensors[i], tensors[i + 1]});
  return out;
}

SanaText encode_sana_text(const SanaCaption& caption, const std::vector<SanaTransformerBlock>& blocks,
                          const Tensor& encoder_hidden_states, const Tensor& encoder_attention_mask, Context& ctx) {
  SanaText out{.blocks = {}, .bias = text_bias_of(encoder_attention_mask).on(ctx.device())};
  const Tensor text = caption.forward(encoder_hidden_states, ctx);  // [B, L, C]
  for (const SanaTransformerBlock& block : blocks) out.blocks.push_back(block.keys(text, ctx));
  return out;
}

SanaGrid sana_grid(const char* network, const Tensor& latents, int64_t patch_size) {
  check_rank(network, "hidden_states", latents, 4);
  const SanaGrid grid = {.height = latents.dim(2) / patch_size, .width = latents.dim(3) / patch_size};
  if (grid.height * patch_size != latents.dim(2) || grid.width * patch_size != latents.dim(3))
    fail(ErrorCode::kShapeMismatch, "{}: latents {} are not a multiple of the patch size {}.", network, latents.shape(),
         patch_size);
  return grid;
}

}  // namespace swan::models

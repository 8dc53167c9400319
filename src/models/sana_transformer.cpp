// Mirrors diffusers 0.42 models/transformers/sana_transformer.py, in its order.
#include "models/sana_transformer.h"

#include <cmath>

#include "core/error.h"
#include "models/glumbconv.h"
#include "models/sincos_embedding.h"
#include "ops/attention.h"
#include "ops/elementwise.h"
#include "ops/embedding.h"
#include "ops/layout.h"

namespace swan::models {

SanaConfig SanaConfig::parse(const io::Config& c) {
  constexpr int64_t kMost = int64_t{1} << 20;
  SanaConfig s{};
  s.in_channels = c.get_in("in_channels", 32, 1, 4096);
  s.out_channels = c.get_in("out_channels", s.in_channels, 1, 4096);
  s.num_attention_heads = c.get_in("num_attention_heads", 70, 1, 4096);
  s.attention_head_dim = c.get_in("attention_head_dim", 32, 1, 4096);
  s.num_layers = c.get_in("num_layers", 20, 1, 1024);
  s.num_cross_attention_heads = c.get_in("num_cross_attention_heads", 20, 1, 4096);
  s.cross_attention_head_dim = c.get_in("cross_attention_head_dim", 112, 1, 4096);
  s.cross_attention_dim = c.get_in("cross_attention_dim", 2240, 1, kMost);
  s.caption_channels = c.get_in("caption_channels", 2304, 1, kMost);
  s.mlp_ratio = c.get<double>("mlp_ratio", 2.5);
  s.attention_bias = c.get<bool>("attention_bias", false);
  s.norm_elementwise_affine = c.get<bool>("norm_elementwise_affine", false);
  s.sample_size = c.get_in("sample_size", 32, 1, 4096);
  s.patch_size = c.get_in("patch_size", 1, 1, 64);
  s.norm_eps = c.get<double>("norm_eps", 1e-6);
  s.interpolation_scale = c.optional<double>("interpolation_scale");
  s.guidance_embeds = c.get<bool>("guidance_embeds", false);
  s.guidance_embeds_scale = c.get<double>("guidance_embeds_scale", 0.1);
  s.timestep_scale = c.get<double>("timestep_scale", 1.0);
  const auto qk_norm = c.optional<std::string>("qk_norm");
  if (qk_norm && *qk_norm != "rms_norm_across_heads")
    fail(ErrorCode::kUnsupported, "{}: qk_norm '{}' is not supported; only 'rms_norm_across_heads' or null is.",
         c.path(), *qk_norm);
  s.qk_norm = qk_norm.has_value();
  if (!(s.mlp_ratio > 0 && s.mlp_ratio < 64)) c.wrong("mlp_ratio", "a number between 0 and 64 is needed");
  if (s.inner_dim() > kMost) c.wrong("num_attention_heads", "heads times attention_head_dim is too large");
  if (s.interpolation_scale && !(*s.interpolation_scale > 0))
    c.wrong("interpolation_scale", "a positive number is needed");
  return s;
}

// ---- Attention with SanaLinearAttnProcessor2_0 or SanaAttnProcessor2_0

namespace {
// The projections that both attentions have; qk norm runs over all heads together, before they part.
class SanaAttention : public nn::Module {
 public:
  struct Sizes {
    int64_t query_dim, context_dim, inner_dim;
    bool bias, qk_norm;
  };
  SanaAttention(const Sizes& d, const nn::Scope& s)
      : Module(s),
        to_q_(s / "to_q", d.query_dim, d.inner_dim, d.bias),
        to_k_(s / "to_k", d.context_dim, d.inner_dim, d.bias),
        to_v_(s / "to_v", d.context_dim, d.inner_dim, d.bias),
        to_out_(s / "to_out" / 0, d.inner_dim, d.query_dim) {
    if (!d.qk_norm) return;
    norm_q_.emplace(s / "norm_q", d.inner_dim, nn::RmsNorm::Options{.eps = 1e-5F});
    norm_k_.emplace(s / "norm_k", d.inner_dim, nn::RmsNorm::Options{.eps = 1e-5F});
  }

  // Whose input all that reads `hidden` below shares.
  [[nodiscard]] const nn::Linear& reader() const { return to_q_; }

  // hidden [B, N, C] to [B, N, C], every token with every other in linear time.
  [[nodiscard]] Tensor forward_linear(const nn::LinearInput& hidden, int64_t heads, Context& ctx) const {
    const Tensor y = ops::relu_linear_attention(query(hidden, ctx), key(hidden, ctx), to_v_.forward(hidden, ctx), heads,
                                                1e-15F, ctx);
    return tap(ctx, to_out_.forward(y, ctx));
  }

  // What the tokens attend to: text [B, L, C'].
  [[nodiscard]] SanaText::Keys keys(const Tensor& text, Context& ctx) const {
    const nn::LinearInput read = to_k_.read(text, ctx);
    return {key(read, ctx), to_v_.forward(read, ctx)};
  }
  // hidden [B, N, C] attends to the text.
  [[nodiscard]] Tensor forward_softmax(const Tensor& hidden, const SanaText::Keys& text,
                                       const ops::AttentionOptions& options, Context& ctx) const {
    return tap(ctx, to_out_.forward(ops::attention(query(hidden, ctx), text.key, text.value, options, ctx), ctx));
  }

 private:
  [[nodiscard]] Tensor query(const nn::LinearInput& x, Context& ctx) const {
    const Tensor q = to_q_.forward(x, ctx);
    return norm_q_ ? tap(ctx, norm_q_->forward(q, ctx), "norm_q") : q;
  }
  [[nodiscard]] Tensor key(const nn::LinearInput& x, Context& ctx) const {
    const Tensor k = to_k_.forward(x, ctx);
    return norm_k_ ? tap(ctx, norm_k_->forward(k, ctx), "norm_k") : k;
  }

  nn::Linear to_q_, to_k_, to_v_, to_out_;
  std::optional<nn::RmsNorm> norm_q_, norm_k_;
};
}  // namespace

// ---- AdaLayerNormSingle and SanaCombinedTimestepGuidanceEmbeddings

class SanaTimeEmbed : public nn::Module {
 public:
  SanaTimeEmbed(const SanaConfig& c, const nn::Scope& s)
      // Without guidance the embedder stands one level deeper: time_embed.emb.timestep_embedder.
      : Module(s),
        timestep_(c.inner_dim(), (c.guidance_embeds ? s : s / "emb") / "timestep_embedder"),
        linear_(s / "linear", c.inner_dim(), 6 * c.inner_dim()) {
    if (c.guidance_embeds) guidance_.emplace(c.inner_dim(), s / "guidance_embedder");
  }

  struct Result {
    Tensor modulation;         // [B, 6 C]
    Tensor embedded_timestep;  // [B, C]
  };
  [[nodiscard]] Result forward(const Tensor& timestep, const Tensor& guidance, Context& ctx) const {
    Tensor embedded = timestep_.forward(timestep, ctx);
    if (guidance_) embedded = ops::add(embedded, guidance_->forward(guidance, ctx), ctx);
    Result r{.modulation = linear_.forward(ops::activate(embedded, ops::Activation::kSilu, ctx), ctx),
             .embedded_timestep = embedded};
    (void)tap(ctx, r.modulation, "0");
    (void)tap(ctx, r.embedded_timestep, "1");
    return r;
  }
  [[nodiscard]] bool has_guidance() const { return guidance_.has_value(); }

 private:
  class TimestepEmbedding : public nn::Module {
   public:
    TimestepEmbedding(int64_t dim, const nn::Scope& s)
        : Module(s), linear_1_(s / "linear_1", kSinusoids, dim), linear_2_(s / "linear_2", dim, dim) {}
    [[nodiscard]] Tensor forward(const Tensor& t, Context& ctx) const {
      const Tensor x =
          linear_1_.forward(ctx.to_compute(ops::timestep_embedding(t, kSinusoids, ctx)), ctx, ops::Activation::kSilu);
      return tap(ctx, linear_2_.forward(x, ctx));
    }

   private:
    static constexpr int64_t kSinusoids = 256;
    nn::Linear linear_1_, linear_2_;
  };

  TimestepEmbedding timestep_;
  std::optional<TimestepEmbedding> guidance_;
  nn::Linear linear_;
};

// ---- SanaTransformerBlock

class SanaTransformerBlock : public nn::Module {
 public:
  SanaTransformerBlock(const SanaConfig& c, const nn::Scope& s)
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

  [[nodiscard]] SanaText::Keys keys(const Tensor& text, Context& ctx) const { return attn2_.keys(text, ctx); }

  // hidden [B, N, C] with N = height * width;  text_bias [B, L] or [B, N, L];  temb [B, 6 C]
  [[nodiscard]] Tensor forward(Tensor hidden, const SanaText::Keys& text, const Tensor& text_bias, const Tensor& temb,
                               int64_t height, int64_t width, Context& ctx) const {
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
    const nn::LinearInput normed =
        nn::layer_norm_modulate_into(attn1_.reader(), hidden, scale_msa, shift_msa, eps_, ctx);
    hidden = ops::add_gated(hidden, gate_msa, attn1_.forward_linear(normed, heads_, ctx), ctx);

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

 private:
  // (n w + b) (1 + scale) + shift = n (1 + scale') + shift' with scale' = w (1 + scale) - 1, shift' = b (1 + scale) +
  // shift
  void fold_norm2(Tensor& shift, Tensor& scale, Context& ctx) const {
    const int64_t channels = scale.dim(1);
    const Tensor none = Tensor::zeros(scale.shape(), DType::kF32);
    const Tensor factor = ops::add(scale, Tensor::full({channels}, 1.0F), ctx);
    const auto times = [&](const Tensor& vector) {
      return ops::gated_activation(ops::add(none, vector, ctx), factor, ops::Activation::kNone, ctx);
    };
    shift = ops::add(times(norm2_bias_), shift, ctx);
    scale = ops::add(times(norm2_weight_), Tensor::full({channels}, -1.0F), ctx);
  }

  float eps_;
  int64_t heads_;
  ops::AttentionOptions cross_;
  SanaAttention attn1_, attn2_;
  GLUMBConv ff_;
  Tensor scale_shift_table_;          // [6, C]
  Tensor norm2_weight_, norm2_bias_;  // [C], when norm_elementwise_affine
};

// ---- SanaTransformer2DModel

SanaTransformer2DModel::SanaTransformer2DModel(const SanaConfig& c, const nn::Scope& s)
    : Module(s),
      config_(c),
      patch_proj_(s / "patch_embed" / "proj", c.in_channels, c.inner_dim(), c.patch_size, {.stride = c.patch_size}),
      time_embed_(std::make_unique<SanaTimeEmbed>(c, s / "time_embed")),
      caption_linear_1_(s / "caption_projection" / "linear_1", c.caption_channels, c.inner_dim()),
      caption_linear_2_(s / "caption_projection" / "linear_2", c.inner_dim(), c.inner_dim()),
      caption_norm_(s / "caption_norm", c.inner_dim(), {.eps = 1e-5F}),
      scale_shift_table_(s.vector("scale_shift_table", {2, c.inner_dim()})),
      proj_out_(s / "proj_out", c.inner_dim(), c.patch_size * c.patch_size * c.out_channels) {
  transformer_blocks_.reserve(static_cast<size_t>(c.num_layers));
  for (int64_t i = 0; i < c.num_layers; ++i) transformer_blocks_.emplace_back(c, s / "transformer_blocks" / i);
}

SanaTransformer2DModel::~SanaTransformer2DModel() = default;

Tensor SanaTransformer2DModel::patch_embed(const Tensor& latents, Context& ctx) const {
  const Tensor grid = patch_proj_.forward(ops::nchw_to_nhwc(latents, ctx), ctx);  // [B, h, w, C]
  Tensor tokens = grid.reshape({grid.dim(0), grid.dim(1) * grid.dim(2), grid.dim(3)});
  if (config_.interpolation_scale) {
    const SincosGrid shape = {.height = grid.dim(1),
                              .width = grid.dim(2),
                              .base_size = config_.sample_size / config_.patch_size,
                              .interpolation_scale = *config_.interpolation_scale};
    const std::string key = fmt::format("{}: {} x {} positions", path(), shape.height, shape.width);
    tokens = ops::add(tokens, ctx.constant(key, [&] { return sincos_position_embedding(grid.dim(3), shape); }), ctx);
  }
  return tap(ctx, tokens, "patch_embed");
}

namespace {
// A 0/1 mask becomes (1 - mask) * -10000, added to the scores; a bias is taken as it is.
Tensor text_bias_of(const Tensor& mask) {
  if (!mask.defined()) return {};
  if (mask.rank() == 3) {
    const int64_t batch = mask.dim(0), length = mask.dim(2);
    if (mask.dim(1) == 1) return mask.reshape({batch, length});
    return mask;
  }
  check_rank("SanaTransformer2DModel", "encoder_attention_mask", mask, 2);
  Tensor bias = Tensor::empty(mask.shape(), DType::kF32);
  for (int64_t i = 0; i < mask.numel(); ++i)
    bias.data_mut<float>()[i] = (1.0F - static_cast<float>(mask.data<int32_t>()[i])) * -10000.0F;
  return bias;
}
}  // namespace

SanaText SanaTransformer2DModel::encode_text(const Tensor& encoder_hidden_states, const Tensor& encoder_attention_mask,
                                             Context& ctx) const {
  SanaText out{.blocks = {}, .bias = text_bias_of(encoder_attention_mask).on(ctx.device())};
  Tensor text = ctx.to_compute(encoder_hidden_states);
  text = caption_linear_1_.forward(text, ctx, ops::Activation::kGeluTanh);
  text = tap(ctx, caption_linear_2_.forward(text, ctx), "caption_projection");
  text = tap(ctx, caption_norm_.forward(text, ctx), "caption_norm");  // [B, L, C]
  for (const SanaTransformerBlock& block : transformer_blocks_) out.blocks.push_back(block.keys(text, ctx));
  return out;
}

Tensor SanaTransformer2DModel::forward(const Tensor& hidden_states, const SanaText& text,
                                       const SanaCondition& condition, Context& ctx) const {
  check_rank("SanaTransformer2DModel", "hidden_states", hidden_states, 4);
  const int64_t p = config_.patch_size;
  const int64_t height = hidden_states.dim(2) / p, width = hidden_states.dim(3) / p;
  if (height * p != hidden_states.dim(2) || width * p != hidden_states.dim(3))
    fail(ErrorCode::kShapeMismatch, "SanaTransformer2DModel: latents {} are not a multiple of the patch size {}.",
         hidden_states.shape(), p);
  if (condition.guidance.defined() != time_embed_->has_guidance())
    fail(ErrorCode::kInvalidArgument, "SanaTransformer2DModel: a guidance embedding was {}, but guidance_embeds is {}.",
         condition.guidance.defined() ? "given" : "not given", time_embed_->has_guidance());

  // 1. Input
  Tensor hidden = patch_embed(ctx.to_compute(hidden_states), ctx);  // [B, N, C]
  const auto time = time_embed_->forward(condition.timestep, condition.guidance, ctx);

  // 2. Transformer blocks
  for (size_t i = 0; i < transformer_blocks_.size(); ++i) {
    ctx.check_cancelled();
    hidden = transformer_blocks_[i].forward(hidden, text.blocks.at(i), text.bias, time.modulation, height, width, ctx);
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
  return ops::unpatchify(hidden, height, width, p, ctx);
}

}  // namespace swan::models

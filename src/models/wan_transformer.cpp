// Mirrors diffusers 0.42 models/transformers/transformer_wan.py, in its order.
#include "models/wan_transformer.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"
#include "ops/attention.h"
#include "ops/elementwise.h"
#include "ops/embedding.h"

namespace swan::models {

WanConfig WanConfig::parse(const io::Config& c) {
  constexpr int64_t kMost = int64_t{1} << 20;
  WanConfig w{};
  const std::vector<int64_t> patch = c.get_list_in("patch_size", {1, 2, 2}, 1, 16, 3);
  w.patch_size = {patch[0], patch[1], patch[2]};
  w.num_attention_heads = c.get_in("num_attention_heads", 40, 1, 4096);
  w.attention_head_dim = c.get_in("attention_head_dim", 128, 6, 4096);
  w.in_channels = c.get_in("in_channels", 16, 1, 4096);
  w.out_channels = c.get_in("out_channels", w.in_channels, 1, 4096);
  w.text_dim = c.get_in("text_dim", 4096, 1, kMost);
  w.freq_dim = c.get_in("freq_dim", 256, 2, kMost);
  w.ffn_dim = c.get_in("ffn_dim", 13824, 1, kMost);
  w.num_layers = c.get_in("num_layers", 40, 1, 1024);
  w.rope_max_seq_len = c.get_in("rope_max_seq_len", 1024, 1, kMost);
  w.cross_attn_norm = c.get<bool>("cross_attn_norm", true);
  w.eps = c.get<double>("eps", 1e-6);
  const auto qk_norm = c.get<std::string>("qk_norm", "rms_norm_across_heads");
  if (qk_norm != "rms_norm_across_heads")
    fail(ErrorCode::kUnsupported, "{}: qk_norm '{}' is not supported; only 'rms_norm_across_heads' is.", c.path(),
         qk_norm);
  for (const char* key : {"image_dim", "added_kv_proj_dim", "pos_embed_seq_len"})
    if (c.has(key))
      fail(ErrorCode::kUnsupported,
           "{}: '{}' is set: a model of image to video, which Swan does not have; use a text-to-video one (T2V).",
           c.path(), key);
  if (w.attention_head_dim % 2 != 0) c.wrong("attention_head_dim", "an even number is needed");
  if (w.freq_dim % 2 != 0) c.wrong("freq_dim", "an even number is needed");
  if (w.inner_dim() > kMost) c.wrong("num_attention_heads", "heads times attention_head_dim is too large");
  return w;
}

namespace {

// ---- WanRotaryPosEmbed

struct Rope {
  Tensor cos, sin;  // [T H W, head_dim / 2]
};

// Cosines, then sines, [2, T H W, head_dim / 2]. Time takes what height and width, a third each, leave.
Tensor make_rope(const WanConfig& c, ops::Patch grid) {
  const int64_t half = c.attention_head_dim / 2, spatial = c.attention_head_dim / 6, time = half - 2 * spatial;
  const int64_t tokens = grid.frames * grid.height * grid.width;
  Tensor rope = Tensor::empty({2, tokens, half}, DType::kF32);
  auto* cosines = rope.data_mut<float>();
  auto* sines = cosines + tokens * half;
  // One axis: its channels [first, first + count), and which position along it a token has.
  const auto fill = [&](int64_t first, int64_t count, int64_t extent, const auto& position) {
    std::vector<float> cos(static_cast<size_t>(extent * count)), sin(cos.size());
    for (int64_t p = 0; p < extent; ++p)
      for (int64_t i = 0; i < count; ++i) {
        const double frequency = 1 / std::pow(10000.0, static_cast<double>(i) / static_cast<double>(count));
        cos[static_cast<size_t>(p * count + i)] = static_cast<float>(std::cos(static_cast<double>(p) * frequency));
        sin[static_cast<size_t>(p * count + i)] = static_cast<float>(std::sin(static_cast<double>(p) * frequency));
      }
    for (int64_t token = 0; token < tokens; ++token) {
      const int64_t at = position(token) * count;
      std::copy_n(cos.data() + at, count, cosines + token * half + first);
      std::copy_n(sin.data() + at, count, sines + token * half + first);
    }
  };
  fill(0, time, grid.frames, [&](int64_t token) { return token / (grid.height * grid.width); });
  fill(time, spatial, grid.height, [&](int64_t token) { return token / grid.width % grid.height; });
  fill(time + spatial, spatial, grid.width, [&](int64_t token) { return token % grid.width; });
  return rope;
}

}  // namespace

// ---- WanAttention with WanAttnProcessor

class WanAttention : public nn::Module {
 public:
  WanAttention(const WanConfig& c, const nn::Scope& s)
      : Module(s),
        options_{.heads = c.num_attention_heads,
                 .kv_heads = c.num_attention_heads,
                 .scale = 1 / std::sqrt(static_cast<float>(c.attention_head_dim))},
        to_q_(s / "to_q", c.inner_dim(), c.inner_dim()),
        to_k_(s / "to_k", c.inner_dim(), c.inner_dim()),
        to_v_(s / "to_v", c.inner_dim(), c.inner_dim()),
        to_out_(s / "to_out" / 0, c.inner_dim(), c.inner_dim()),
        norm_q_(s / "norm_q", c.inner_dim(), {.eps = static_cast<float>(c.eps)}),
        norm_k_(s / "norm_k", c.inner_dim(), {.eps = static_cast<float>(c.eps)}) {}

  // Whose input all that reads `hidden` below shares.
  [[nodiscard]] const nn::Linear& reader() const { return to_q_; }

  // [B, N, C] to [B, N, C]
  [[nodiscard]] Tensor forward(const nn::LinearInput& hidden, const Rope& rope, Context& ctx) const {
    tap_made(ctx, "norm_q", [&] { return norm_q_.forward(to_q_.forward(hidden, ctx), ctx); });
    const Tensor q = norm_q_.forward_rotated(to_q_.forward(hidden, ctx), rope.cos, rope.sin, ctx);
    const Tensor k = norm_k_.forward_rotated(to_k_.forward(hidden, ctx), rope.cos, rope.sin, ctx);
    const Tensor y = ops::attention(q, k, to_v_.forward(hidden, ctx), options_, ctx);
    return tap(ctx, to_out_.forward(y, ctx));
  }

  // What the tokens attend to: text [B, L, C].
  [[nodiscard]] WanText::Keys keys(const Tensor& text, Context& ctx) const {
    const nn::LinearInput read = to_k_.read(text, ctx);
    return {norm_k_.forward(to_k_.forward(read, ctx), ctx), to_v_.forward(read, ctx)};
  }
  [[nodiscard]] Tensor forward(const nn::LinearInput& hidden, const WanText::Keys& keys, const Tensor& bias,
                               Context& ctx) const {
    ops::AttentionOptions options = options_;
    options.bias = bias;
    return tap(ctx, to_out_.forward(ops::attention(query(hidden, ctx), keys.key, keys.value, options, ctx), ctx));
  }

 private:
  [[nodiscard]] Tensor query(const nn::LinearInput& hidden, Context& ctx) const {
    return tap(ctx, norm_q_.forward(to_q_.forward(hidden, ctx), ctx), "norm_q");
  }

  ops::AttentionOptions options_;
  nn::Linear to_q_, to_k_, to_v_, to_out_;
  nn::RmsNorm norm_q_, norm_k_;
};

// ---- WanTimeTextImageEmbedding

class WanConditionEmbedder : public nn::Module {
 public:
  WanConditionEmbedder(const WanConfig& c, const nn::Scope& s)
      : Module(s),
        freq_dim_(c.freq_dim),
        time_linear_1_(s / "time_embedder" / "linear_1", c.freq_dim, c.inner_dim()),
        time_linear_2_(s / "time_embedder" / "linear_2", c.inner_dim(), c.inner_dim()),
        time_proj_(s / "time_proj", c.inner_dim(), 6 * c.inner_dim()),
        text_linear_1_(s / "text_embedder" / "linear_1", c.text_dim, c.inner_dim()),
        text_linear_2_(s / "text_embedder" / "linear_2", c.inner_dim(), c.inner_dim()) {}

  struct Time {
    Tensor temb;           // [B, C]
    Tensor timestep_proj;  // [B, 6 C]
  };
  [[nodiscard]] Time time(const Tensor& timestep, Context& ctx) const {
    const Tensor proj = tap(ctx, ops::timestep_embedding(timestep, freq_dim_, ctx), "timesteps_proj");
    const Tensor hidden = time_linear_1_.forward(proj, ctx, ops::Activation::kSilu);
    const Tensor temb = tap(ctx, time_linear_2_.forward(hidden, ctx), "time_embedder");
    const Tensor activated = ops::activate(temb, ops::Activation::kSilu, ctx);
    return {temb, tap(ctx, time_proj_.forward(activated, ctx), "time_proj")};
  }
  [[nodiscard]] Tensor text(const Tensor& states, Context& ctx) const {
    const Tensor hidden = text_linear_1_.forward(states, ctx, ops::Activation::kGeluTanh);
    return tap(ctx, text_linear_2_.forward(hidden, ctx), "text_embedder");
  }

 private:
  int64_t freq_dim_;
  nn::Linear time_linear_1_, time_linear_2_, time_proj_, text_linear_1_, text_linear_2_;
};

// ---- WanTransformerBlock

class WanTransformerBlock : public nn::Module {
 public:
  WanTransformerBlock(const WanConfig& c, const nn::Scope& s)
      : Module(s),
        eps_(static_cast<float>(c.eps)),
        dim_(c.inner_dim()),
        attn1_(c, (s / "attn1").f8()),
        attn2_(c, (s / "attn2").f8()),
        ffn_in_((s / "ffn" / "net" / 0 / "proj").f8(), c.inner_dim(), c.ffn_dim),
        ffn_out_((s / "ffn" / "net" / 2).f8(), c.ffn_dim, c.inner_dim()),
        scale_shift_table_(s.vector("scale_shift_table", {1, 6, c.inner_dim()})) {
    if (c.cross_attn_norm) norm2_.emplace(s / "norm2", c.inner_dim(), static_cast<float>(c.eps));
  }

  [[nodiscard]] WanText::Keys keys(const Tensor& text, Context& ctx) const { return attn2_.keys(text, ctx); }

  // hidden [B, N, C]; timestep_proj [B, 6 C]
  [[nodiscard]] Tensor forward(Tensor hidden, const WanText::Keys& keys, const Tensor& text_bias,
                               const Tensor& timestep_proj, const Rope& rope, Context& ctx) const {
    const Tensor modulation = ops::add(timestep_proj, scale_shift_table_.reshape({6 * dim_}), ctx);
    const auto part = [&](int64_t i) { return ops::slice_channels(modulation, i * dim_, (i + 1) * dim_, ctx); };
    const Tensor shift_msa = part(0), scale_msa = part(1), gate_msa = part(2);
    const Tensor c_shift_msa = part(3), c_scale_msa = part(4), c_gate_msa = part(5);

    // 1. Self-attention
    tap_made(ctx, "norm1", [&] { return normed(hidden, ctx); });
    const nn::LinearInput x = nn::layer_norm_modulate_into(attn1_.reader(), hidden, scale_msa, shift_msa, eps_, ctx);
    hidden = ops::add_gated(hidden, gate_msa, attn1_.forward(x, rope, ctx), ctx);

    // 2. Cross-attention
    const nn::LinearInput query = norm2_ ? norm2_->forward_into(attn2_.reader(), hidden, ctx) : hidden;
    hidden = ops::add(hidden, attn2_.forward(query, keys, text_bias, ctx), ctx);

    // 3. Feed-forward
    const nn::LinearInput fed = nn::layer_norm_modulate_into(ffn_in_, hidden, c_scale_msa, c_shift_msa, eps_, ctx);
    return tap(ctx, ops::add_gated(hidden, c_gate_msa, feed_forward(fed, ctx), ctx));
  }

 private:
  [[nodiscard]] Tensor normed(const Tensor& hidden, Context& ctx) const {
    const Tensor none = Tensor::zeros({hidden.dim(0), dim_}, DType::kF32);
    return ops::layer_norm_modulate(hidden, none, none, eps_, ctx);
  }

  // Some thousand tokens at a time: all of a long clip's would take a gigabyte between the two layers.
  [[nodiscard]] Tensor feed_forward(const nn::LinearInput& x, Context& ctx) const {
    constexpr int64_t kTokenBytes = int64_t{1} << 14;  // about, of 1.3B
    const int64_t tokens = ctx.band_bytes() / kTokenBytes;
    std::vector<Tensor> parts;
    for (int64_t begin = 0; begin < x.rows(); begin += tokens) {
      const nn::LinearInput some = x.slice(begin, std::min(x.rows(), begin + tokens));
      parts.push_back(ffn_out_.forward(ffn_in_.forward_into(ffn_out_, some, ctx, ops::Activation::kGeluTanh), ctx));
    }
    return tap(ctx, ops::concat_rows(parts, ctx).reshape(x.shape()), "ffn");
  }

  float eps_;
  int64_t dim_;
  WanAttention attn1_, attn2_;
  std::optional<nn::LayerNorm> norm2_;
  nn::Linear ffn_in_, ffn_out_;
  Tensor scale_shift_table_;
};

// ---- WanTransformer3DModel

namespace {
// The patch embedding, a Conv3d whose kernel is its stride, is a linear layer over patches.
nn::Linear patch_linear(const WanConfig& c, const nn::Scope& s) {
  const ops::Patch p = c.patch_size;
  return {s, {c.inner_dim(), c.in_channels, p.frames, p.height, p.width}};
}
int64_t volume(ops::Patch p) { return p.frames * p.height * p.width; }
}  // namespace

WanTransformer3DModel::WanTransformer3DModel(const WanConfig& c, const nn::Scope& s)
    : Module(s),
      config_(c),
      patch_embedding_(patch_linear(c, s / "patch_embedding")),
      condition_embedder_(std::make_unique<WanConditionEmbedder>(c, s / "condition_embedder")),
      scale_shift_table_(s.vector("scale_shift_table", {1, 2, c.inner_dim()})),
      proj_out_(s / "proj_out", c.inner_dim(), c.out_channels * volume(c.patch_size)) {
  blocks_.reserve(static_cast<size_t>(c.num_layers));
  for (int64_t i = 0; i < c.num_layers; ++i) blocks_.emplace_back(c, s / "blocks" / i);
}

WanTransformer3DModel::~WanTransformer3DModel() = default;

namespace {
// How many rows there are before all that follow, in every sample, are zeros.
int64_t rows_before_zeros(const Tensor& x) {
  const int64_t batch = x.dim(0), length = x.dim(1), dim = x.dim(2);
  int64_t used = 0;
  for (int64_t row = 0; row < batch * length; ++row) {
    const float* p = x.data<float>() + row * dim;
    if (row % length >= used && std::any_of(p, p + dim, [](float v) { return v != 0; })) used = row % length + 1;
  }
  return used;
}
}  // namespace

WanText WanTransformer3DModel::encode_text(const Tensor& encoder_hidden_states, Context& ctx) const {
  check_rank("WanTransformer3DModel", "encoder_hidden_states", encoder_hidden_states, 3);
  const int64_t batch = encoder_hidden_states.dim(0), length = encoder_hidden_states.dim(1);
  const int64_t dim = encoder_hidden_states.dim(2);
  const int64_t used = rows_before_zeros(encoder_hidden_states.cpu()), alike = length - used;
  WanText text;
  Tensor states = encoder_hidden_states;
  if (alike > 1) {
    std::vector<Tensor> rows;
    for (int64_t b = 0; b < batch; ++b)
      rows.push_back(states.slice(b, b + 1).reshape({length, dim}).slice(0, used + 1));
    states = ops::concat_rows(rows, ctx).reshape({batch, used + 1, dim});
    text.bias = Tensor::zeros({batch, used + 1}, DType::kF32);
    for (int64_t b = 0; b < batch; ++b)
      text.bias.data_mut<float>()[b * (used + 1) + used] = std::log(static_cast<float>(alike));
  }
  text.bias = text.bias.on(ctx.device());
  const Tensor embedded = condition_embedder_->text(ctx.to_compute(states), ctx);
  for (const WanTransformerBlock& block : blocks_) text.blocks.push_back(block.keys(embedded, ctx));
  return text;
}

Tensor WanTransformer3DModel::forward(const Tensor& hidden_states, const Tensor& timestep, const WanText& text,
                                      Context& ctx) const {
  check_rank("WanTransformer3DModel", "latents", hidden_states, 5);
  const ops::Patch p = config_.patch_size;
  const ops::Patch grid = {hidden_states.dim(2) / p.frames, hidden_states.dim(3) / p.height,
                           hidden_states.dim(4) / p.width};
  if (std::max({grid.frames, grid.height, grid.width}) > config_.rope_max_seq_len)
    fail(ErrorCode::kInvalidArgument,
         "WanTransformer3DModel: latents {} are beyond the {} positions that the model knows in time, height or width.",
         hidden_states.shape(), config_.rope_max_seq_len);

  // 1. Patch and position embedding
  const Tensor table =
      ctx.constant(fmt::format("{}: {} x {} x {} positions", path(), grid.frames, grid.height, grid.width),
                   [&] { return make_rope(config_, grid); });
  const auto part = [&](int64_t i) { return table.slice(i, i + 1).reshape({table.dim(1), table.dim(2)}); };
  const Rope rope = {.cos = part(0), .sin = part(1)};
  Tensor hidden =
      patch_embedding_.forward(ops::patchify_video(ctx.to_compute(hidden_states), p, ctx), ctx);  // [B, N, C]
  tap_made(ctx, "patch_embedding", [&] { return ops::unpatchify_video(hidden, grid, {1, 1, 1}, ctx); });

  // 2. Condition embedding
  const auto time = condition_embedder_->time(timestep, ctx);

  // 3. Transformer blocks
  for (size_t i = 0; i < blocks_.size(); ++i) {
    ctx.check_cancelled();
    hidden = blocks_[i].forward(std::move(hidden), text.blocks.at(i), text.bias, time.timestep_proj, rope, ctx);
  }

  // 4. Output norm, by the embedded timestep rather than its projection, projection and unpatchify
  const int64_t dim = config_.inner_dim();
  const Tensor shift = ops::add(time.temb, scale_shift_table_.reshape({2, dim}).slice(0, 1).reshape({dim}), ctx);
  const Tensor scale = ops::add(time.temb, scale_shift_table_.reshape({2, dim}).slice(1, 2).reshape({dim}), ctx);
  const auto eps = static_cast<float>(config_.eps);
  tap_made(ctx, "norm_out", [&] {
    const Tensor none = Tensor::zeros(shift.shape(), DType::kF32);
    return ops::layer_norm_modulate(hidden, none, none, eps, ctx);
  });
  hidden = ops::layer_norm_modulate(hidden, scale, shift, eps, ctx);
  return ops::unpatchify_video(tap(ctx, proj_out_.forward(hidden, ctx), "proj_out"), grid, p, ctx);
}

}  // namespace swan::models

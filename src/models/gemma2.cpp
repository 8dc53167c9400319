// Mirrors transformers 5.23 models/gemma2/modeling_gemma2.py, in its order.
#include "models/gemma2.h"

#include <cmath>
#include <limits>

#include "core/error.h"
#include "ops/attention.h"
#include "ops/elementwise.h"
#include "ops/embedding.h"

namespace swan::models {

Gemma2Config Gemma2Config::parse(const io::Config& c) {
  constexpr int64_t kMost = int64_t{1} << 20;
  Gemma2Config g{};
  g.vocab_size = c.require_in("vocab_size", 1, int64_t{1} << 24);
  g.hidden_size = c.require_in("hidden_size", 1, kMost);
  g.intermediate_size = c.require_in("intermediate_size", 1, kMost);
  g.num_hidden_layers = c.require_in("num_hidden_layers", 1, 1024);
  g.num_attention_heads = c.require_in("num_attention_heads", 1, 1024);
  g.num_key_value_heads = c.get_in("num_key_value_heads", g.num_attention_heads, 1, 1024);
  g.head_dim = c.get_in("head_dim", 256, 2, 4096);
  g.sliding_window = c.get_in("sliding_window", 4096, 1, kMost);
  g.rms_norm_eps = c.get<double>("rms_norm_eps", 1e-6);
  g.query_pre_attn_scalar = c.get<double>("query_pre_attn_scalar", 256);
  g.attn_logit_softcapping = c.get<double>("attn_logit_softcapping", 0);  // null: no cap
  g.attention_bias = c.get<bool>("attention_bias", false);
  // transformers 5 keeps rope_theta in rope_parameters, 4 beside the other keys.
  const auto rope = c.object("rope_parameters");
  g.rope_theta = rope ? rope->get<double>("rope_theta", 10000) : c.get<double>("rope_theta", 10000);
  if (rope && rope->get<std::string>("rope_type", "default") != "default")
    fail(ErrorCode::kUnsupported, "{}: rope_type '{}' is not supported; only 'default' is.", c.path(),
         rope->get<std::string>("rope_type", ""));
  const auto activation =
      c.get<std::string>("hidden_activation", c.get<std::string>("hidden_act", "gelu_pytorch_tanh"));
  if (activation != "gelu_pytorch_tanh")
    fail(ErrorCode::kUnsupported, "{}: hidden_activation '{}' is not supported; only 'gelu_pytorch_tanh' is.", c.path(),
         activation);
  if (g.num_attention_heads % g.num_key_value_heads != 0)
    c.wrong("num_key_value_heads", "a divisor of num_attention_heads is needed");
  if (g.head_dim % 2 != 0) c.wrong("head_dim", "an even number is needed");
  if (!(g.query_pre_attn_scalar > 0)) c.wrong("query_pre_attn_scalar", "a positive number is needed");
  if (!(g.attn_logit_softcapping >= 0)) c.wrong("attn_logit_softcapping", "a positive number or null is needed");
  const auto types = c.optional<std::vector<std::string>>("layer_types");
  if (types && static_cast<int64_t>(types->size()) != g.num_hidden_layers)
    c.wrong("layer_types", "one entry for each of num_hidden_layers is needed");
  for (int64_t i = 0; i < g.num_hidden_layers; ++i) {
    const std::string type =
        types ? (*types)[static_cast<size_t>(i)] : (i % 2 == 0 ? "sliding_attention" : "full_attention");
    if (type != "sliding_attention" && type != "full_attention")
      c.wrong("layer_types", "'sliding_attention' or 'full_attention' is needed");
    g.sliding.push_back(type == "sliding_attention");
  }
  return g;
}

namespace {

// One embedding of positions for the whole model.
struct Rope {
  Tensor cos, sin;  // [L, head_dim / 2]
};

Rope make_rope(const Gemma2Config& c, int64_t length) {
  const int64_t half = c.head_dim / 2;
  Rope rope{Tensor::empty({length, half}, DType::kF32), Tensor::empty({length, half}, DType::kF32)};
  for (int64_t i = 0; i < half; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(c.head_dim);
    const float frequency = 1.0F / std::pow(static_cast<float>(c.rope_theta), exponent);
    for (int64_t p = 0; p < length; ++p) {
      const float angle = static_cast<float>(p) * frequency;
      rope.cos.data_mut<float>()[p * half + i] = std::cos(angle);
      rope.sin.data_mut<float>()[p * half + i] = std::sin(angle);
    }
  }
  return {rope.cos.constant(), rope.sin.constant()};
}

// Causal, within the window, and only at tokens. The smallest finite number, not -inf: a row with no key at all comes
// out uniform over every key, which is what the reference computes for padding.
Tensor make_mask(const Tensor& attention_mask, int64_t window) {
  const int64_t batch = attention_mask.dim(0), length = attention_mask.dim(1);
  Tensor bias = Tensor::empty({batch, length, length}, DType::kF32);
  const auto* mask = attention_mask.data<int32_t>();
  auto* y = bias.data_mut<float>();
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t q = 0; q < length; ++q)
      for (int64_t k = 0; k < length; ++k) {
        const bool seen = k <= q && q - k < window && mask[b * length + k] != 0;
        *y++ = seen ? 0.0F : std::numeric_limits<float>::lowest();
      }
  return bias.constant();
}

}  // namespace

// ---- Gemma2MLP

class Gemma2MLP : public nn::Module {
 public:
  Gemma2MLP(const Gemma2Config& c, const nn::Scope& s)
      : Module(s),
        gate_proj_(s / "gate_proj", c.hidden_size, c.intermediate_size, false),
        up_proj_(s / "up_proj", c.hidden_size, c.intermediate_size, false),
        down_proj_(s / "down_proj", c.intermediate_size, c.hidden_size, false) {}

  [[nodiscard]] Tensor forward(const Tensor& x, Context& ctx) const {
    const Tensor gate = gate_proj_.forward(x, ctx);
    const Tensor up = up_proj_.forward(x, ctx);
    return tap(ctx, down_proj_.forward(ops::gated_activation(gate, up, ops::Activation::kGeluTanh, ctx), ctx));
  }

 private:
  nn::Linear gate_proj_, up_proj_, down_proj_;
};

// ---- Gemma2Attention

class Gemma2Attention : public nn::Module {
 public:
  Gemma2Attention(const Gemma2Config& c, const nn::Scope& s)
      : Module(s),
        options_{.heads = c.num_attention_heads,
                 .kv_heads = c.num_key_value_heads,
                 .scale = static_cast<float>(1.0 / std::sqrt(c.query_pre_attn_scalar)),
                 .logit_softcap = static_cast<float>(c.attn_logit_softcapping)},
        q_proj_(s / "q_proj", c.hidden_size, c.num_attention_heads * c.head_dim, c.attention_bias),
        k_proj_(s / "k_proj", c.hidden_size, c.num_key_value_heads * c.head_dim, c.attention_bias),
        v_proj_(s / "v_proj", c.hidden_size, c.num_key_value_heads * c.head_dim, c.attention_bias),
        o_proj_(s / "o_proj", c.num_attention_heads * c.head_dim, c.hidden_size, c.attention_bias) {}

  [[nodiscard]] Tensor forward(const Tensor& x, const Rope& rope, const Tensor& mask, Context& ctx) const {
    const Tensor query = ops::rope_rotate_half(q_proj_.forward(x, ctx), rope.cos, rope.sin, ctx);
    const Tensor key = ops::rope_rotate_half(k_proj_.forward(x, ctx), rope.cos, rope.sin, ctx);
    const Tensor value = v_proj_.forward(x, ctx);
    ops::AttentionOptions options = options_;
    options.bias = mask;
    return tap(ctx, o_proj_.forward(ops::attention(query, key, value, options, ctx), ctx), "0");
  }

 private:
  ops::AttentionOptions options_;
  nn::Linear q_proj_, k_proj_, v_proj_, o_proj_;
};

// ---- Gemma2DecoderLayer

class Gemma2DecoderLayer : public nn::Module {
 public:
  Gemma2DecoderLayer(const Gemma2Config& c, const nn::Scope& s)
      : Module(s),
        self_attn_(c, s / "self_attn"),
        mlp_(c, s / "mlp"),
        input_layernorm_(s / "input_layernorm", c.hidden_size, norm_options(c)),
        post_attention_layernorm_(s / "post_attention_layernorm", c.hidden_size, norm_options(c)),
        pre_feedforward_layernorm_(s / "pre_feedforward_layernorm", c.hidden_size, norm_options(c)),
        post_feedforward_layernorm_(s / "post_feedforward_layernorm", c.hidden_size, norm_options(c)) {}

  static nn::RmsNorm::Options norm_options(const Gemma2Config& c) {
    return {.eps = static_cast<float>(c.rms_norm_eps), .weight_plus_one = true};
  }

  [[nodiscard]] Tensor forward(Tensor hidden, const Rope& rope, const Tensor& mask, Context& ctx) const {
    Tensor x = self_attn_.forward(input_layernorm_.forward(hidden, ctx), rope, mask, ctx);
    hidden = post_attention_layernorm_.forward(x, ctx, hidden);  // residual + norm(x)
    x = mlp_.forward(pre_feedforward_layernorm_.forward(hidden, ctx), ctx);
    return tap(ctx, post_feedforward_layernorm_.forward(x, ctx, hidden));
  }

 private:
  Gemma2Attention self_attn_;
  Gemma2MLP mlp_;
  nn::RmsNorm input_layernorm_, post_attention_layernorm_, pre_feedforward_layernorm_, post_feedforward_layernorm_;
};

// ---- Gemma2Model

Gemma2Model::Gemma2Model(const Gemma2Config& c, const nn::Scope& s)
    : Module(s),
      config_(c),
      embed_tokens_((s / "embed_tokens").weight("weight", {c.vocab_size, c.hidden_size})),
      norm_(s / "norm", c.hidden_size, Gemma2DecoderLayer::norm_options(c)) {
  layers_.reserve(static_cast<size_t>(c.num_hidden_layers));
  for (int64_t i = 0; i < c.num_hidden_layers; ++i) layers_.emplace_back(c, s / "layers" / i);
  // The reference keeps sqrt(hidden_size) in the dtype of the weights.
  Tensor scale = Tensor::full({1}, static_cast<float>(std::sqrt(static_cast<double>(c.hidden_size))));
  if (embed_tokens_.defined() && is_floating(embed_tokens_.dtype()))
    scale = scale.to(embed_tokens_.dtype()).to(DType::kF32);
  embed_scale_ = scale.data<float>()[0];
}

Gemma2Model::~Gemma2Model() = default;

Tensor Gemma2Model::forward(const Tensor& input_ids, const Tensor& attention_mask, Context& ctx) const {
  check_same_shape("Gemma2Model", "attention_mask", attention_mask.shape(), input_ids.shape());
  const int64_t length = input_ids.dim(1);
  const Rope rope = make_rope(config_, length);
  const Tensor full = make_mask(attention_mask, length);
  const Tensor sliding = config_.sliding_window < length ? make_mask(attention_mask, config_.sliding_window) : full;

  Tensor hidden = tap(ctx, ops::embedding(input_ids, embed_tokens_, embed_scale_, ctx), "embed_tokens");  // [B, L, C]
  for (size_t i = 0; i < layers_.size(); ++i) {
    ctx.check_cancelled();
    hidden = layers_[i].forward(hidden, rope, config_.sliding[i] ? sliding : full, ctx);
  }
  return tap(ctx, norm_.forward(hidden, ctx), "norm");
}

}  // namespace swan::models

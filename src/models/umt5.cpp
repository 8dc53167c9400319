// Mirrors transformers 5.23 models/umt5/modeling_umt5.py, in its order.
#include "models/umt5.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "core/error.h"
#include "ops/attention.h"
#include "ops/elementwise.h"
#include "ops/embedding.h"

namespace swan::models {

UMT5Config UMT5Config::parse(const io::Config& c) {
  constexpr int64_t kMost = int64_t{1} << 20;
  UMT5Config u{};
  u.vocab_size = c.get_in("vocab_size", 250112, 1, int64_t{1} << 24);
  u.d_model = c.require_in("d_model", 1, kMost);
  u.d_kv = c.require_in("d_kv", 1, 4096);
  u.d_ff = c.require_in("d_ff", 1, kMost);
  u.num_layers = c.require_in("num_layers", 1, 1024);
  u.num_heads = c.require_in("num_heads", 1, 1024);
  u.relative_attention_num_buckets = c.get_in("relative_attention_num_buckets", 32, 4, 4096);
  u.relative_attention_max_distance = c.get_in("relative_attention_max_distance", 128, 2, kMost);
  u.layer_norm_epsilon = c.get<double>("layer_norm_epsilon", 1e-6);
  if (u.relative_attention_num_buckets % 4 != 0)
    c.wrong("relative_attention_num_buckets", "a multiple of four is needed");
  if (u.relative_attention_max_distance <= u.relative_attention_num_buckets / 4)
    c.wrong("relative_attention_max_distance", "more than a quarter of relative_attention_num_buckets is needed");
  const auto projection = c.get<std::string>("feed_forward_proj", "gated-gelu");
  if (projection != "gated-gelu")
    fail(ErrorCode::kUnsupported, "{}: feed_forward_proj '{}' is not supported; only 'gated-gelu' is.", c.path(),
         projection);
  return u;
}

namespace {

// Which bucket a key at `offset` tokens after the query belongs to: half of the buckets for keys that come later; of
// each half the first half for exact distances, then ever wider ones.
int64_t relative_position_bucket(int64_t offset, const UMT5Config& c) {
  const int64_t half = c.relative_attention_num_buckets / 2, max_exact = half / 2;
  const int64_t distance = std::abs(offset), later = offset > 0 ? half : 0;
  if (distance < max_exact) return later + distance;
  const float log_ratio = std::log(static_cast<float>(distance) / static_cast<float>(max_exact)) /
                          static_cast<float>(std::log(static_cast<double>(c.relative_attention_max_distance) /
                                                      static_cast<double>(max_exact)));
  const auto step = static_cast<int64_t>(log_ratio * static_cast<float>(half - max_exact));
  return later + std::min(max_exact + step, half - 1);
}

// [B, L]: the smallest finite number at padding.
Tensor make_mask(const Tensor& attention_mask) {
  Tensor bias = Tensor::empty(attention_mask.shape(), DType::kF32);
  for (int64_t i = 0; i < bias.numel(); ++i)
    bias.data_mut<float>()[i] = attention_mask.data<int32_t>()[i] != 0 ? 0.0F : std::numeric_limits<float>::lowest();
  return bias.constant();
}

}  // namespace

// ---- UMT5Attention

class UMT5Attention : public nn::Module {
 public:
  UMT5Attention(const UMT5Config& c, const nn::Scope& s)
      : Module(s),
        config_(c),
        q_(s / "q", c.d_model, c.num_heads * c.d_kv, false),
        k_(s / "k", c.d_model, c.num_heads * c.d_kv, false),
        v_(s / "v", c.d_model, c.num_heads * c.d_kv, false),
        o_(s / "o", c.num_heads * c.d_kv, c.d_model, false),
        relative_attention_bias_(
            (s / "relative_attention_bias").vector("weight", {c.relative_attention_num_buckets, c.num_heads})) {}

  [[nodiscard]] Tensor forward(const Tensor& x, const Tensor& mask, Context& ctx) const {
    const ops::AttentionOptions options = {.heads = config_.num_heads,
                                           .kv_heads = config_.num_heads,
                                           .scale = 1,  // UMT5 does not scale
                                           .bias = mask,
                                           .head_bias = compute_bias(x.dim(1))};
    const Tensor query = q_.forward(x, ctx), key = k_.forward(x, ctx), value = v_.forward(x, ctx);
    return tap(ctx, o_.forward(ops::attention(query, key, value, options, ctx), ctx), "0");
  }
  void drop_pages() const {
    for (const nn::Linear* layer : {&q_, &k_, &v_, &o_}) layer->drop_pages();
  }

 private:
  // [heads, L, L], made anew for each layer: the tables differ, and of 24 layers all would take gigabytes.
  [[nodiscard]] Tensor compute_bias(int64_t length) const {
    const int64_t heads = config_.num_heads;
    std::vector<int64_t> buckets;  // by offset, from -(length - 1)
    for (int64_t offset = 1 - length; offset < length; ++offset)
      buckets.push_back(relative_position_bucket(offset, config_));
    Tensor bias = Tensor::empty({heads, length, length}, DType::kF32);
    auto* y = bias.data_mut<float>();
    const auto* table = relative_attention_bias_.data<float>();
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t q = 0; q < length; ++q)
        for (int64_t k = 0; k < length; ++k) *y++ = table[buckets[static_cast<size_t>(k - q + length - 1)] * heads + h];
    return bias;
  }

  UMT5Config config_;
  nn::Linear q_, k_, v_, o_;
  Tensor relative_attention_bias_;
};

// ---- UMT5DenseGatedActDense

class UMT5DenseGatedActDense : public nn::Module {
 public:
  UMT5DenseGatedActDense(const UMT5Config& c, const nn::Scope& s)
      : Module(s),
        wi_0_(s / "wi_0", c.d_model, c.d_ff, false),
        wi_1_(s / "wi_1", c.d_model, c.d_ff, false),
        wo_(s / "wo", c.d_ff, c.d_model, false) {}

  [[nodiscard]] Tensor forward(const Tensor& x, Context& ctx) const {
    const Tensor gate = wi_0_.forward(x, ctx);
    return wo_.forward(ops::gated_activation(gate, wi_1_.forward(x, ctx), ops::Activation::kGeluTanh, ctx), ctx);
  }
  void drop_pages() const {
    for (const nn::Linear* layer : {&wi_0_, &wi_1_, &wo_}) layer->drop_pages();
  }

 private:
  nn::Linear wi_0_, wi_1_, wo_;
};

// ---- UMT5Block: layer.0 is UMT5LayerSelfAttention, layer.1 is UMT5LayerFF

class UMT5Block : public nn::Module {
 public:
  UMT5Block(const UMT5Config& c, const nn::Scope& s)
      : Module(s),
        self_attention_(c, s / "layer" / "0" / "SelfAttention"),
        self_attention_norm_(s / "layer" / "0" / "layer_norm", c.d_model, norm_options(c)),
        dense_(c, s / "layer" / "1" / "DenseReluDense"),
        dense_norm_(s / "layer" / "1" / "layer_norm", c.d_model, norm_options(c)) {}

  static nn::RmsNorm::Options norm_options(const UMT5Config& c) {
    return {.eps = static_cast<float>(c.layer_norm_epsilon)};
  }

  [[nodiscard]] Tensor forward(Tensor hidden, const Tensor& mask, Context& ctx) const {
    hidden = ops::add(hidden, self_attention_.forward(self_attention_norm_.forward(hidden, ctx), mask, ctx), ctx);
    hidden = tap(ctx, ops::add(hidden, dense_.forward(dense_norm_.forward(hidden, ctx), ctx), ctx), "layer.1");
    return tap(ctx, hidden);
  }
  void drop_pages() const {
    self_attention_.drop_pages();
    dense_.drop_pages();
  }

 private:
  UMT5Attention self_attention_;
  nn::RmsNorm self_attention_norm_;
  UMT5DenseGatedActDense dense_;
  nn::RmsNorm dense_norm_;
};

// ---- UMT5EncoderModel

UMT5EncoderModel::UMT5EncoderModel(const UMT5Config& c, const nn::Scope& s)
    : Module(s),
      config_(c),
      shared_((s / "shared").weight("weight", {c.vocab_size, c.d_model})),
      final_layer_norm_(s / "encoder" / "final_layer_norm", c.d_model, UMT5Block::norm_options(c)) {
  block_.reserve(static_cast<size_t>(c.num_layers));
  for (int64_t i = 0; i < c.num_layers; ++i) block_.emplace_back(c, s / "encoder" / "block" / i);
}

UMT5EncoderModel::~UMT5EncoderModel() = default;

Tensor UMT5EncoderModel::forward(const Tensor& input_ids, const Tensor& attention_mask, Context& ctx) const {
  Tensor mask;
  if (attention_mask.defined()) {
    check_same_shape("UMT5EncoderModel", "attention_mask", attention_mask.shape(), input_ids.shape());
    mask = make_mask(attention_mask);
  }
  Tensor hidden = ops::embedding(input_ids, shared_, 1, ctx);  // [B, L, C]
  for (const UMT5Block& block : block_) {
    ctx.check_cancelled();
    hidden = block.forward(hidden, mask, ctx);
  }
  return tap(ctx, final_layer_norm_.forward(hidden, ctx));
}

std::vector<Tensor> UMT5EncoderModel::encode(std::span<const Tensor> input_ids, Context& ctx) const {
  std::vector<Tensor> hidden;
  for (const Tensor& ids : input_ids) hidden.push_back(ops::embedding(ids, shared_, 1, ctx));
  shared_.drop_pages();
  for (const UMT5Block& block : block_) {
    for (Tensor& h : hidden) {
      ctx.check_cancelled();
      h = block.forward(h, {}, ctx);
    }
    block.drop_pages();
  }
  for (Tensor& h : hidden) h = final_layer_norm_.forward(h, ctx);
  return hidden;
}

}  // namespace swan::models

// Mirrors the blocks of diffusers 0.42 models/autoencoders/autoencoder_dc.py and the attention in
// attention_processor.py.
#include "models/autoencoder_dc_blocks.h"

#include <cmath>
#include <utility>

#include "core/error.h"
#include "models/banding.h"
#include "ops/attention.h"
#include "ops/elementwise.h"
#include "ops/layout.h"

namespace swan::models {

namespace {

constexpr float kNormEps = 1e-5F;

// What get_normalization gives: an RMS norm, or a batch norm, which in inference is a factor and an offset per channel
// and is folded into the layer before it.
template <typename Layer>
std::optional<nn::RmsNorm> make_norm(const std::string& type, const nn::Scope& s, int64_t channels, Layer& before) {
  if (type == "rms_norm") return nn::RmsNorm(s, channels, {.eps = kNormEps, .bias = true});
  if (type != "batch_norm")
    fail(ErrorCode::kUnsupported, "AutoencoderDC: norm type '{}' is not supported; 'rms_norm' and 'batch_norm' are.",
         type);
  const Tensor weight = s.vector("weight", {channels}), bias = s.vector("bias", {channels});
  const Tensor mean = s.vector("running_mean", {channels}), variance = s.vector("running_var", {channels});
  (void)s.weight("num_batches_tracked", Shape{});
  if (!weight.defined() || !bias.defined() || !mean.defined() || !variance.defined()) return std::nullopt;  // reported
  Tensor factor = Tensor::empty({channels}, DType::kF32), offset = Tensor::empty({channels}, DType::kF32);
  for (int64_t c = 0; c < channels; ++c) {
    const float f = weight.data<float>()[c] / std::sqrt(variance.data<float>()[c] + kNormEps);
    factor.data_mut<float>()[c] = f;
    offset.data_mut<float>()[c] = bias.data<float>()[c] - mean.data<float>()[c] * f;
  }
  before.fold_affine(factor, offset);
  return std::nullopt;
}

// norm(x) + residual; without a norm of its own the sum alone.
Tensor norm_and_add(const std::optional<nn::RmsNorm>& norm, const Tensor& x, const Tensor& residual, Context& ctx) {
  return norm ? norm->forward(x, ctx, residual) : ops::add(x, residual, ctx);
}

// ---- ResBlock

class ResBlock : public DCBlock {
 public:
  ResBlock(const DCBlockOptions& o, const nn::Scope& s)
      : DCBlock(s),
        act_(o.act_fn),
        conv1_(s / "conv1", o.channels, o.channels, 3, {.padding = 1}),
        conv2_(s / "conv2", o.channels, o.channels, 3, {.padding = 1, .bias = false}),
        norm_(make_norm(o.norm_type, s / "norm", o.channels, conv2_)) {}

  [[nodiscard]] Tensor forward(Tensor x, Context& ctx) const override {
    const Band band = {.halo = kHalo, .row_bytes = x.dim(2) * x.dim(3) * static_cast<int64_t>(sizeof(float))};
    const auto block = [&](const Tensor& rows) {
      const Tensor hidden = conv2_.forward(conv1_.forward(rows, ctx, act_), ctx);
      return norm_and_add(norm_, hidden, rows, ctx);
    };
    return tap(ctx, banded(std::move(x), band, block, ctx));
  }
  [[nodiscard]] std::optional<Reach> reach() const override { return Reach{.halo = kHalo}; }

 private:
  static constexpr int64_t kHalo = 2;  // of two 3x3 convolutions
  ops::Activation act_;
  nn::Conv2d conv1_, conv2_;
  std::optional<nn::RmsNorm> norm_;
};

// ---- SanaMultiscaleLinearAttention

class SanaMultiscaleLinearAttention : public nn::Module {
 public:
  SanaMultiscaleLinearAttention(const DCBlockOptions& o, const nn::Scope& s)
      : Module(s),
        head_dim_(o.attention_head_dim),
        inner_(o.channels / o.attention_head_dim * o.attention_head_dim),
        to_q_(s / "to_q", o.channels, inner_, false),
        to_k_(s / "to_k", o.channels, inner_, false),
        to_v_(s / "to_v", o.channels, inner_, false),
        to_out_(s / "to_out", inner_ * (1 + static_cast<int64_t>(o.qkv_multiscales.size())), o.channels, false) {
    const int64_t heads = inner_ / head_dim_;
    for (size_t i = 0; i < o.qkv_multiscales.size(); ++i) {
      const int64_t kernel = o.qkv_multiscales[i];
      const nn::Scope scale = s / "to_qkv_multiscale" / static_cast<int64_t>(i);
      scales_.push_back(
          {nn::Conv2d(scale / "proj_in", 3 * inner_, 3 * inner_, kernel,
                      {.padding = kernel / 2, .groups = 3 * inner_, .bias = false}),
           nn::Conv2d(scale / "proj_out", 3 * inner_, 3 * inner_, 1, {.groups = 3 * heads, .bias = false})});
    }
    norm_out_ = make_norm(o.norm_type, s / "norm_out", o.channels, to_out_);
  }

  // The reference multiplies small grids (no more pixels than head_dim) in the other order; the product is the same.
  [[nodiscard]] Tensor forward(const Tensor& x, Context& ctx) const {
    const int64_t batch = x.dim(0), height = x.dim(1), width = x.dim(2);
    Tensor qkv = project(x, ctx);
    Tensor attended = attend(qkv, ctx);
    for (size_t i = 0; i < scales_.size(); ++i) {
      // The last scale may write over what no one asks for after it.
      const Tensor scaled = gather_scale(scales_[i], i + 1 < scales_.size() ? Tensor(qkv) : std::move(qkv), ctx);
      attended = ops::concat_channels(attended, attend(scaled, ctx), ctx);
    }
    const Tensor y = to_out_.forward(attended, ctx).reshape({batch, height, width, x.dim(3)});
    return tap(ctx, norm_and_add(norm_out_, y, x, ctx));
  }

 private:
  struct Scale {
    nn::Conv2d proj_in, proj_out;
  };

  // [B, H, W, 3 inner]; of a large picture it is the largest tensor, so that what it is made from comes in bands.
  [[nodiscard]] Tensor project(const Tensor& x, Context& ctx) const {
    const Band band = {.halo = 0, .row_bytes = x.dim(2) * 3 * inner_ * static_cast<int64_t>(sizeof(float))};
    const auto joined = [&](const Tensor& rows) {
      const Tensor qk = ops::concat_channels(to_q_.forward(rows, ctx), to_k_.forward(rows, ctx), ctx);
      return ops::concat_channels(qk, to_v_.forward(rows, ctx), ctx);
    };
    return banded(x, band, joined, ctx);
  }

  // q, k and v of each pixel's surroundings.
  [[nodiscard]] Tensor gather_scale(const Scale& scale, Tensor qkv, Context& ctx) const {
    const Band band = {.halo = scale.proj_in.weight().padding,
                       .row_bytes = qkv.dim(2) * qkv.dim(3) * static_cast<int64_t>(sizeof(float))};
    return banded(
        std::move(qkv), band,
        [&](const Tensor& rows) { return scale.proj_out.forward(scale.proj_in.forward(rows, ctx), ctx); }, ctx);
  }

  // Channels come in groups of head_dim each of q, k and v, across the borders of to_q, to_k and to_v: that is how the
  // reference reshapes them.
  [[nodiscard]] Tensor attend(const Tensor& qkv, Context& ctx) const {
    const Tensor tokens = qkv.reshape({qkv.dim(0), qkv.dim(1) * qkv.dim(2), qkv.dim(3)});
    return ops::relu_linear_attention_packed(tokens, head_dim_, 1e-15F, ctx);
  }

  int64_t head_dim_, inner_;
  nn::Linear to_q_, to_k_, to_v_, to_out_;
  std::vector<Scale> scales_;
  std::optional<nn::RmsNorm> norm_out_;
};

// ---- EfficientViTBlock

class EfficientViTBlock : public DCBlock {
 public:
  EfficientViTBlock(const DCBlockOptions& o, const nn::Scope& s)
      : DCBlock(s), attn_(o, s / "attn"), conv_out_(s / "conv_out", o.channels, o.channels, {.rms_norm = true}) {}

  [[nodiscard]] Tensor forward(Tensor x, Context& ctx) const override {
    x = attn_.forward(x, ctx);
    return tap(ctx, conv_out_.forward(x, ctx));
  }

 private:
  SanaMultiscaleLinearAttention attn_;
  GLUMBConv conv_out_;
};

}  // namespace

std::unique_ptr<DCBlock> make_dc_block(const DCBlockOptions& options, const nn::Scope& scope) {
  if (options.type == "ResBlock") return std::make_unique<ResBlock>(options, scope);
  if (options.type == "EfficientViTBlock") return std::make_unique<EfficientViTBlock>(options, scope);
  fail(ErrorCode::kUnsupported,
       "AutoencoderDC: block type '{}' is not supported; 'ResBlock' and 'EfficientViTBlock' are.", options.type);
}

// ---- DCDownBlock2d

DCDownBlock2d::DCDownBlock2d(const nn::Scope& s, int64_t in, int64_t out, const Options& options)
    : DCBlock(s),
      options_(options),
      group_(in * 4 / out),
      conv_(s / "conv", in, options.pixel_unshuffle ? out / 4 : out, 3,
            {.stride = options.pixel_unshuffle ? 1 : 2, .padding = 1}) {}

Tensor DCDownBlock2d::forward(Tensor hidden, Context& ctx) const {
  Tensor x = conv_.forward(hidden, ctx);
  (void)tap(ctx, x, "conv");
  if (options_.pixel_unshuffle) x = ops::pixel_unshuffle(x, 2, ctx);
  if (options_.shortcut)
    x = ops::add(x, ops::mean_channel_groups(ops::pixel_unshuffle(hidden, 2, ctx), group_, ctx), ctx);
  return tap(ctx, x);
}

// ---- DCUpBlock2d

DCUpBlock2d::DCUpBlock2d(const nn::Scope& s, int64_t in, int64_t out, const Options& options)
    : DCBlock(s),
      options_(options),
      repeats_(out * 4 / in),
      conv_(s / "conv", in, options.pixel_shuffle ? out * 4 : out, 3,
            {.padding = 1, .upsample = !options.pixel_shuffle}) {}

Tensor DCUpBlock2d::forward(Tensor hidden, Context& ctx) const {
  const int64_t made =
      hidden.dim(2) * conv_.weight().out_channels() * (options_.pixel_shuffle ? 1 : 4);  // values a row
  const Band band = {.halo = 1, .scale = 2, .row_bytes = made * static_cast<int64_t>(sizeof(float))};
  return tap(ctx, banded(
                      hidden, band, [&](const Tensor& rows) { return upsample(rows, ctx); }, ctx));
}

Tensor DCUpBlock2d::upsample(const Tensor& hidden, Context& ctx) const {
  Tensor x = conv_.forward(hidden, ctx);
  if (options_.pixel_shuffle) x = ops::pixel_shuffle(x, 2, ctx);
  if (!options_.shortcut) return x;
  if (repeats_ == 1 || repeats_ == 2 || repeats_ == 4) return ops::add_upsampled(x, hidden, ctx);
  Tensor shortcut = ops::repeat_channels(hidden, repeats_, ctx);
  shortcut = ops::pixel_shuffle(shortcut, 2, ctx);
  return ops::add(x, shortcut, ctx);
}

}  // namespace swan::models

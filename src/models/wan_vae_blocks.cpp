// Mirrors the blocks of diffusers 0.42 models/autoencoders/autoencoder_kl_wan.py. Where the reference runs chunks of
// one latent frame's frames with a cache, these run frame by frame, which is the same sum.
#include "models/wan_vae_blocks.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "ops/attention.h"
#include "ops/elementwise.h"
#include "ops/layout.h"

namespace swan::models {

void put_frame(const Tensor& planes, Tensor& clip, int64_t t) {
  const int64_t channels = clip.dim(1), plane = clip.dim(3) * clip.dim(4);
  for (int64_t c = 0; c < channels; ++c)
    std::memcpy(clip.data_mut<float>() + (c * clip.dim(2) + t) * plane, planes.data<float>() + c * plane,
                static_cast<size_t>(plane) * sizeof(float));
}

Tensor clip_of(const std::vector<WanFrame>& frames, Context& ctx) {
  Tensor clip = Tensor::empty(
      {1, frames[0].dim(3), static_cast<int64_t>(frames.size()), frames[0].dim(1), frames[0].dim(2)}, DType::kF32);
  for (size_t t = 0; t < frames.size(); ++t)
    put_frame(ops::nhwc_to_nchw(frames[t], ctx).on(nullptr, DType::kF32), clip, static_cast<int64_t>(t));
  return clip;
}

void WanModule::tap_clip(Context& ctx, const std::vector<WanFrame>& frames, const std::string& name) const {
  if (ctx.recording() && !frames.empty()) (void)tap(ctx, clip_of(frames, ctx), name);
}

namespace {
ops::ConvWeight conv_weight(const nn::Scope& s, const Shape& kernel) {
  return {.weight = s.weight("weight", kernel), .bias = s.vector("bias", {kernel[0]}), .prepacked = nullptr};
}
}  // namespace

// ---- WanCausalConv3d

WanCausalConv3d::WanCausalConv3d(const nn::Scope& s, int64_t in, int64_t out, int64_t kernel)
    : Module(s), weight_(conv_weight(s, {out, in, 3, kernel, kernel})) {
  weight_.padding = kernel / 2;
}

WanFrame WanCausalConv3d::forward(const WanFrame& x, WanFeatureCache& cache, Context& ctx) const {
  std::vector<WanFrame>& last = cache.of(this);
  std::array<Tensor, 3> frames;
  frames[2] = x;
  for (size_t i = 0; i < last.size(); ++i) frames[2 - last.size() + i] = last[i];
  Tensor y = ops::conv3d(frames, weight_, ops::Activation::kNone, ctx);
  if (last.size() == 2) last.erase(last.begin());
  last.push_back(x);
  return y;
}

WanCausalConvOut::WanCausalConvOut(const nn::Scope& s, int64_t in, int64_t out)
    : Module(s), out_(out), bias_(s.vector("bias", {out})) {
  const Tensor stored = s.weight("weight", {out, in, 3, 3, 3});
  if (!stored.defined()) return;  // reported by Weights::finish
  const Tensor weight = stored.to(DType::kF32);
  Tensor parts = Tensor::empty({3 * out, in, 3, 3}, DType::kF32);
  for (int64_t o = 0; o < out; ++o)
    for (int64_t c = 0; c < in; ++c)
      for (int64_t t = 0; t < 3; ++t)
        std::copy_n(weight.data<float>() + ((o * in + c) * 3 + t) * 9, 9,
                    parts.data_mut<float>() + ((t * out + o) * in + c) * 9);
  parts_.weight = parts;
  parts_.padding = 1;
}

WanFrame WanCausalConvOut::forward(const WanFrame& x, WanFeatureCache& cache, Context& ctx) const {
  std::vector<WanFrame>& last = cache.of(this);
  last.push_back(ops::conv2d(x, parts_, ops::Activation::kNone, ctx));
  // Oldest first, as far back as there are frames: part 0 of the frame before the last, part 2 of this one.
  Tensor sum = bias_;
  for (size_t i = 0; i < last.size(); ++i) {
    const int64_t part = static_cast<int64_t>(3 - last.size() + i);
    const Tensor term = ops::slice_channels(last[i], part * out_, (part + 1) * out_, ctx);
    sum = ops::add(term, sum, ctx);
  }
  if (last.size() == 3) last.erase(last.begin());
  return sum;
}

// ---- WanRMS_norm

namespace {
Shape with_ones(int64_t channels, int axes) { return axes == 3 ? Shape{channels, 1, 1, 1} : Shape{channels, 1, 1}; }
}  // namespace

WanRMSNorm::WanRMSNorm(const nn::Scope& s, int64_t channels, int axes)
    : Module(s), gamma_(s.vector("gamma", with_ones(channels, axes))) {
  if (gamma_.defined()) gamma_ = gamma_.reshape({channels});
}

Tensor WanRMSNorm::forward(const Tensor& x, ops::Activation activation, Context& ctx) const {
  // The reference divides by max(|x|, 1e-12): this much under the root keeps a vector of zeros zero as well.
  const float eps = 1e-24F / static_cast<float>(x.dim(-1));
  return ops::rms_norm(x, gamma_, eps, {.activation = activation}, ctx);
}

// ---- WanResidualBlock

WanResidualBlock::WanResidualBlock(const nn::Scope& s, int64_t in, int64_t out)
    : WanBlock(s),
      norm1_(s / "norm1", in, 3),
      norm2_(s / "norm2", out, 3),
      conv1_(s / "conv1", in, out),
      conv2_(s / "conv2", out, out) {
  if (in != out) conv_shortcut_.emplace(s / "conv_shortcut", Shape{out, in, 1, 1, 1});
}

std::vector<WanFrame> WanResidualBlock::forward(WanFrame x, WanFeatureCache& cache, Context& ctx) const {
  // One statement each, so that nothing is alive for longer than it is needed: at full size a frame takes 150 MB.
  Tensor y = norm1_.forward(x, ops::Activation::kSilu, ctx);
  y = conv1_.forward(y, cache, ctx);
  y = norm2_.forward(y, ops::Activation::kSilu, ctx);
  y = conv2_.forward(y, cache, ctx);
  return {ops::add(y, conv_shortcut_ ? conv_shortcut_->forward(x, ctx) : x, ctx)};
}

// ---- WanAttentionBlock

WanAttentionBlock::WanAttentionBlock(const nn::Scope& s, int64_t channels)
    : WanBlock(s),
      channels_(channels),
      norm_(s / "norm", channels, 2),
      to_qkv_(s / "to_qkv", Shape{3 * channels, channels, 1, 1}),
      proj_(s / "proj", Shape{channels, channels, 1, 1}) {}

std::vector<WanFrame> WanAttentionBlock::forward(WanFrame x, WanFeatureCache& /*cache*/, Context& ctx) const {
  const Tensor tokens = x.reshape({x.dim(0), x.dim(1) * x.dim(2), channels_});
  const Tensor qkv = to_qkv_.forward(norm_.forward(tokens, ops::Activation::kNone, ctx), ctx);
  const auto part = [&](int64_t i) { return ops::slice_channels(qkv, i * channels_, (i + 1) * channels_, ctx); };
  const ops::AttentionOptions options = {.scale = 1 / std::sqrt(static_cast<float>(channels_))};
  const Tensor attended = proj_.forward(ops::attention(part(0), part(1), part(2), options, ctx), ctx);
  std::vector<WanFrame> out = {ops::add(attended.reshape(x.shape()), x, ctx)};
  tap_clip(ctx, out);
  return out;
}

// ---- WanMidBlock

WanMidBlock::WanMidBlock(const nn::Scope& s, int64_t channels)
    : WanBlock(s),
      resnet0_(s / "resnets" / 0, channels, channels),
      attention_(s / "attentions" / 0, channels),
      resnet1_(s / "resnets" / 1, channels, channels) {}

std::vector<WanFrame> WanMidBlock::forward(WanFrame x, WanFeatureCache& cache, Context& ctx) const {
  x = resnet0_.forward(std::move(x), cache, ctx)[0];
  x = attention_.forward(std::move(x), cache, ctx)[0];
  return resnet1_.forward(std::move(x), cache, ctx);
}

// ---- WanResample: downsample2d, downsample3d

WanDownsample::WanDownsample(const nn::Scope& s, int64_t channels, bool time)
    : WanBlock(s), conv_(conv_weight(s / "resample" / 1, {channels, channels, 3, 3})) {
  conv_.stride = 2;
  conv_.trailing_padding = 1;
  if (time) time_conv_ = conv_weight(s / "time_conv", {channels, channels, 3, 1, 1});
}

std::vector<WanFrame> WanDownsample::forward(WanFrame x, WanFeatureCache& cache, Context& ctx) const {
  Tensor y = ops::conv2d(x, conv_, ops::Activation::kNone, ctx);
  if (!time_conv_) return {y};
  // The clip's first frame stays as it is; then each pair becomes one, with the frame before it under the kernel too.
  std::vector<WanFrame>& last = cache.of(this);
  last.push_back(y);
  if (last.size() == 1) return {y};
  if (last.size() == 2) return {};
  Tensor one = ops::conv3d(last, *time_conv_, ops::Activation::kNone, ctx);
  last.erase(last.begin(), last.begin() + 2);
  return {one};
}

// ---- WanResample: upsample2d, upsample3d

WanUpsample::WanUpsample(const nn::Scope& s, int64_t channels, bool time)
    : WanBlock(s), conv_(s / "resample" / 1, channels, channels / 2, 3, {.padding = 1, .upsample = true}) {
  if (!time) return;
  const ops::ConvWeight both = conv_weight(s / "time_conv", {2 * channels, channels, 3, 1, 1});
  for (const int64_t first : {int64_t{0}, channels}) {
    if (!both.weight.defined() || !both.bias.defined()) break;  // reported by Weights::finish
    time_conv_.push_back({.weight = both.weight.slice(first, first + channels),
                          .bias = both.bias.slice(first, first + channels),
                          .prepacked = nullptr});
  }
}

std::vector<WanFrame> WanUpsample::forward(WanFrame x, WanFeatureCache& cache, Context& ctx) const {
  std::vector<WanFrame> frames;
  std::vector<WanFrame>& last = cache.of(this);
  if (time_conv_.empty()) {
    frames = {x};
  } else if (last.empty()) {
    // The clip's first frame stays one, and for those after it time begins anew: they see zeros, not that frame.
    frames = {x};
    last.assign(2, Tensor());
  } else {
    last.push_back(x);
    for (const ops::ConvWeight& w : time_conv_) frames.push_back(ops::conv3d(last, w, ops::Activation::kNone, ctx));
    last.erase(last.begin());
  }
  for (WanFrame& frame : frames) frame = conv_.forward(frame, ctx);
  return frames;
}

}  // namespace swan::models

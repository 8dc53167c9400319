#include "nn/layers.h"

#include "core/error.h"
#include "ops/attention.h"
#include "ops/layout.h"

namespace swan::nn {

const Tensor& Module::tap(Context& ctx, const Tensor& x, const std::string& name) const {
  if (ctx.recording()) {
    std::string path = path_;
    if (!name.empty()) path += path.empty() ? name : "." + name;
    ctx.tap(path, x.rank() == 4 ? ops::nhwc_to_nchw(x, ctx) : x);
  }
  return x;
}

namespace {
// weight [O, ...] and bias [O] of a layer whose output is then multiplied and shifted per channel.
void fold(Tensor& weight, Tensor& bias, const Tensor& factor, const Tensor& offset) {
  if (!weight.defined() || !factor.defined() || !offset.defined()) return;  // absent: reported by Weights::finish
  const int64_t out = weight.dim(0), inner = weight.numel() / out;
  Tensor scaled = weight.to(DType::kF32).clone();
  Tensor shifted = offset.clone();
  auto* w = scaled.data_mut<float>();
  auto* b = shifted.data_mut<float>();
  const auto* f = factor.data<float>();
  for (int64_t o = 0; o < out; ++o) {
    for (int64_t i = 0; i < inner; ++i) w[o * inner + i] *= f[o];
    if (bias.defined()) b[o] += bias.data<float>()[o] * f[o];
  }
  weight = scaled.constant();
  bias = shifted.constant();
}

Tensor linear_f8(const ops::QuantizedRows& x, const ops::LinearWeight& w, const F8Weight& f8, Context& ctx,
                 ops::Activation activation) {
  return ops::linear_f8(x, f8.get(w.weight, ctx), w.bias, activation, ctx);
}
}  // namespace

Linear::Linear(const Scope& scope, int64_t in, int64_t out, bool bias)
    : Module(scope),
      weight_(scope.matrix("weight", {out, in})),
      adapter_(scope.adapt(weight_.weight)),
      f8_(scope.is_f8()),
      reads_plain_(scope.computes_beside()) {
  if (bias) weight_.bias = scope.vector("bias", {out});
}

Linear::Linear(const Scope& scope, const Shape& kernel)
    : Module(scope),
      weight_{.weight = scope.weight("weight", kernel), .bias = scope.vector("bias", {kernel[0]})},
      adapter_(scope.adapt(weight_.weight)),
      f8_(scope.is_f8()),
      reads_plain_(scope.computes_beside()) {
  if (weight_.weight.defined()) weight_.weight = weight_.weight.reshape({kernel[0], -1});
}

Tensor Linear::forward(const LinearInput& x, Context& ctx, ops::Activation activation) const {
  const bool rounded = reads_rounded(ctx);
  SWAN_ASSERT(rounded || !x.is_rounded());
  const ops::Activation at_once = adapter_.defined() ? ops::Activation::kNone : activation;
  Tensor y;
  if (rounded) {
    const LinearInput input = x.is_rounded() ? x : read(x.plain(), ctx);
    y = linear_f8(input.rounded(), weight_, f8_, ctx, at_once);
  } else {
    y = ops::linear(x.plain(), weight_, at_once, ctx);
  }
  if (!adapter_.defined()) return y;
  SWAN_ASSERT(x.plain().defined());
  return adapter_.add_to(y, ops::linear(x.plain(), adapter_.down, ops::Activation::kNone, ctx), activation, ctx);
}

LinearInput Linear::read(const Tensor& x, Context& ctx) const {
  if (!reads_rounded(ctx)) return x;
  return {reads_plain_ ? x : Tensor(), ops::quantize_rows(x, ops::Activation::kNone, ctx)};
}

LinearInput Linear::forward_into(const Linear& next, const LinearInput& x, Context& ctx,
                                 ops::Activation activation) const {
  if (!reads_rounded(ctx) || !next.reads_rounded(ctx) || reads_plain_ || next.reads_plain_)
    return next.read(forward(x, ctx, activation), ctx);
  const LinearInput input = x.is_rounded() ? x : read(x.plain(), ctx);
  return ops::linear_f8_quantized(input.rounded(), f8_.get(weight_.weight, ctx), weight_.bias, activation, ctx);
}

void Linear::fold_affine(const Tensor& factor, const Tensor& offset) {
  SWAN_ASSERT(!adapter_.defined() && !weight_.blocks.defined());
  fold(weight_.weight, weight_.bias, factor, offset);
}

Conv2d::Conv2d(const Scope& scope, int64_t in, int64_t out, int64_t kernel, const Conv2dOptions& options)
    : Module(scope),
      weight_{.weight = scope.weight("weight", {out, in / options.groups, kernel, kernel}),
              .bias = options.bias ? scope.vector("bias", {out}) : Tensor(),
              .stride = options.stride,
              .padding = options.padding,
              .groups = options.groups,
              .upsample = options.upsample,
              .prepacked = nullptr},
      adapter_(options.groups == 1 ? scope.adapt(weight_.weight) : LowRank()),
      f8_(scope.is_f8()) {
  if (!adapter_.defined() || is_linear()) return;
  adapter_down_ = weight_;
  adapter_down_.weight = adapter_.down.weight.reshape({-1, in, kernel, kernel});
  adapter_down_.bias = Tensor();
}

bool Conv2d::is_linear() const {
  return weight_.groups == 1 && weight_.kernel() == 1 && weight_.stride == 1 && weight_.padding == 0 &&
         !weight_.upsample;
}

Tensor Conv2d::forward(const Tensor& x, Context& ctx, ops::Activation activation) const {
  const ops::Activation at_once = adapter_.defined() ? ops::Activation::kNone : activation;
  if (!is_linear()) return adapted(x, ops::conv2d(x, weight_, at_once, ctx), activation, ctx);
  const Shape matrix = {weight_.out_channels(), weight_.in_channels()};
  const ops::LinearWeight w = {.weight = weight_.weight.reshape(matrix), .bias = weight_.bias};
  const Tensor y = f8_.used(w.in_features(), w.out_features(), ctx)
                       ? linear_f8(ops::quantize_rows(x, ops::Activation::kNone, ctx), w, f8_, ctx, at_once)
                       : ops::linear(x, w, at_once, ctx);
  return adapted(x, y, activation, ctx);
}

// y, the convolution's own output, with what adapters add to it.
Tensor Conv2d::adapted(const Tensor& x, const Tensor& y, ops::Activation activation, Context& ctx) const {
  if (!adapter_.defined()) return y;
  const Tensor h = adapter_down_.weight.defined() ? ops::conv2d(x, adapter_down_, ops::Activation::kNone, ctx)
                                                  : ops::linear(x, adapter_.down, ops::Activation::kNone, ctx);
  return adapter_.add_to(y, h, activation, ctx);
}

void Conv2d::fold_affine(const Tensor& factor, const Tensor& offset) {
  SWAN_ASSERT(!adapter_.defined());
  fold(weight_.weight, weight_.bias, factor, offset);
}

LayerNorm::LayerNorm(const Scope& scope, int64_t channels, float eps)
    : Module(scope), eps_(eps), weight_(scope.vector("weight", {channels})), bias_(scope.vector("bias", {channels})) {}

Tensor LayerNorm::forward(const Tensor& x, Context& ctx) const {
  return tap(ctx, ops::layer_norm(x, weight_, bias_, eps_, ctx));
}

LinearInput LayerNorm::forward_into(const Linear& reader, const Tensor& x, Context& ctx) const {
  if (!reader.reads_rounded(ctx) || reader.reads_plain()) return reader.read(forward(x, ctx), ctx);
  tap_made(ctx, "", [&] { return ops::layer_norm(x, weight_, bias_, eps_, ctx); });
  return ops::layer_norm_quantized(x, weight_, bias_, eps_, ctx);
}

LinearInput layer_norm_modulate_into(const Linear& reader, const Tensor& x, const Tensor& scale, const Tensor& shift,
                                     float eps, Context& ctx) {
  if (!reader.reads_rounded(ctx) || reader.reads_plain())
    return reader.read(ops::layer_norm_modulate(x, scale, shift, eps, ctx), ctx);
  return ops::layer_norm_modulate_quantized(x, scale, shift, eps, ctx);
}

RmsNorm::RmsNorm(const Scope& scope, int64_t channels, const Options& options)
    : Module(scope),
      options_(options),
      weight_(scope.vector("weight", {channels})),
      bias_(options.bias ? scope.vector("bias", {channels}) : Tensor()) {}

Tensor RmsNorm::forward(const Tensor& x, Context& ctx, const Tensor& residual, ops::Activation activation) const {
  return ops::rms_norm(
      x, weight_, options_.eps,
      {.bias = bias_, .weight_plus_one = options_.weight_plus_one, .activation = activation, .residual = residual},
      ctx);
}

Tensor RmsNorm::forward_rotated(const Tensor& x, const Tensor& cos, const Tensor& sin, Context& ctx) const {
  return ops::rms_norm_rope_interleaved(x, weight_, options_.eps, cos, sin, ctx);
}

}  // namespace swan::nn

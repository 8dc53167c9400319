#include "models/glumbconv.h"

#include "models/banding.h"
#include "ops/elementwise.h"

namespace swan::models {

GLUMBConv::GLUMBConv(const nn::Scope& s, int64_t in, int64_t out, const Options& options)
    : Module(s),
      residual_(options.residual_connection),
      hidden_(static_cast<int64_t>(options.expand_ratio * static_cast<double>(in))),
      conv_inverted_(s / "conv_inverted", in, hidden_ * 2, 1),
      conv_depth_(s / "conv_depth", hidden_ * 2, hidden_ * 2, 3, {.padding = 1, .groups = hidden_ * 2}),
      conv_point_(s / "conv_point", hidden_, out, 1, {.bias = false}) {
  if (options.rms_norm) norm_.emplace(s / "norm", out, nn::RmsNorm::Options{.eps = 1e-5F, .bias = true});
}

Tensor GLUMBConv::bottleneck(const Tensor& x, Context& ctx) const {
  tap_made(ctx, "conv_inverted", [&] { return conv_inverted_.forward(x, ctx); });
  const Tensor wide = conv_inverted_.forward(x, ctx, ops::Activation::kSilu);  // [B, H, W, 2 hidden]
  tap_made(ctx, "conv_depth", [&] { return conv_depth_.forward(wide, ctx); });
  return conv_point_.forward(ops::depthwise_conv_glu(wide, conv_depth_.weight(), ctx), ctx);
}

Tensor GLUMBConv::forward(const Tensor& x, Context& ctx) const {
  // The middle is several times as wide as its input; a row of neighbours on either side feeds the depthwise kernel.
  const Band band = {.halo = 1, .row_bytes = x.dim(2) * hidden_ * 2 * static_cast<int64_t>(sizeof(float))};
  const Tensor y = banded(
      x, band, [&](const Tensor& rows) { return bottleneck(rows, ctx); }, ctx);
  if (norm_) return tap(ctx, norm_->forward(y, ctx, residual_ ? x : Tensor()));
  return tap(ctx, residual_ ? ops::add(y, x, ctx) : y);
}

}  // namespace swan::models

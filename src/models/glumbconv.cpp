#include "models/glumbconv.h"

#include <algorithm>
#include <vector>

#include "ops/elementwise.h"
#include "ops/layout.h"

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
  const int64_t batch = x.dim(0), height = x.dim(1), width = x.dim(2);
  // The middle is several times as wide as its input: it is made for bands of rows, each with a row of its neighbours
  // on either side for the depthwise kernel. The band follows from the shape alone.
  constexpr int64_t kBandBytes = int64_t{96} << 20;
  const int64_t row_bytes = width * hidden_ * 2 * static_cast<int64_t>(sizeof(float));
  const int64_t band = std::max<int64_t>(8, kBandBytes / row_bytes);
  Tensor y;
  if (batch * height <= band || ctx.recording()) {
    y = bottleneck(x, ctx);
  } else {
    std::vector<Tensor> bands;
    for (int64_t b = 0; b < batch; ++b) {
      const Tensor picture = x.slice(b, b + 1).reshape({height, width, x.dim(3)});
      for (int64_t r0 = 0; r0 < height; r0 += band) {
        const int64_t r1 = std::min(height, r0 + band);
        const int64_t h0 = std::max<int64_t>(0, r0 - 1), h1 = std::min(height, r1 + 1);
        const Tensor rows = bottleneck(picture.slice(h0, h1).reshape({1, h1 - h0, width, x.dim(3)}), ctx);
        bands.push_back(rows.reshape({h1 - h0, width, rows.dim(3)}).slice(r0 - h0, r1 - h0));
      }
    }
    y = ops::concat_rows(bands, ctx).reshape({batch, height, width, -1});
  }
  if (norm_) return tap(ctx, norm_->forward(y, ctx, residual_ ? x : Tensor()));
  return tap(ctx, residual_ ? ops::add(y, x, ctx) : y);
}

}  // namespace swan::models

#pragma once

#include <string>

#include "core/context.h"
#include "nn/f8_weight.h"
#include "nn/linear_input.h"
#include "nn/low_rank.h"
#include "nn/scope.h"
#include "ops/conv.h"
#include "ops/linear.h"
#include "ops/norm.h"

namespace swan::nn {

/// A part of a network: its path, for taps.
class Module {
 public:
  explicit Module(const Scope& scope) : path_(scope.path()) {}
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 protected:
  /// Records x under this module's path, or under path.name, and hands it back. Pictures, [B, H, W, C] within networks,
  /// are recorded as torch has them, [B, C, H, W].
  const Tensor& tap(Context& ctx, const Tensor& x, const std::string& name = "") const;
  /// Records what `make` returns, for values that the fused operations never hold; only made when recording.
  template <typename Fn>
  void tap_made(Context& ctx, const std::string& name, const Fn& make) const {
    if (ctx.recording()) (void)tap(ctx, make(), name);
  }

 private:
  std::string path_;
};

/// torch.nn.Linear. One of a scope with f8() multiplies in e4m3 where the context and the layer's shape allow it; what
/// its scope's adapters add is computed in the context's dtype.
class Linear : public Module {
 public:
  Linear(const Scope& scope, int64_t in, int64_t out, bool bias = true);
  /// With the weight of a convolution whose kernel is its stride, [out, ...]: a linear layer over patches. Has a bias.
  Linear(const Scope& scope, const Shape& kernel);
  /// @param x  [..., in] f32;  @return  [..., out] f32
  [[nodiscard]] Tensor forward(const LinearInput& x, Context& ctx,
                               ops::Activation activation = ops::Activation::kNone) const;
  /// x as this layer reads it, for layers of the same shape and scope to share.
  [[nodiscard]] LinearInput read(const Tensor& x, Context& ctx) const;
  [[nodiscard]] bool reads_rounded(const Context& ctx) const {
    return f8_.used(weight_.in_features(), weight_.out_features(), ctx);
  }
  /// Whether it, or a layer that shares its input, reads more than the rounded rows: an adapter beside it does.
  [[nodiscard]] bool reads_plain() const noexcept { return reads_plain_; }
  /// The output as `next` reads it.
  [[nodiscard]] LinearInput forward_into(const Linear& next, const LinearInput& x, Context& ctx,
                                         ops::Activation activation = ops::Activation::kNone) const;
  /// Multiplies the output by factor [out] and adds offset [out]: a batch norm that follows, folded in.
  void fold_affine(const Tensor& factor, const Tensor& offset);
  /// Gives the pages of a mapped weight back until it is used again.
  void drop_pages() const {
    weight_.weight.drop_pages();
    weight_.blocks.drop_pages();
  }

 private:
  ops::LinearWeight weight_;
  LowRank adapter_;  // of weight_, which it is beside
  F8Weight f8_;
  bool reads_plain_;
};

/// ops::layer_norm_modulate(x) as `reader` reads it.
[[nodiscard]] LinearInput layer_norm_modulate_into(const Linear& reader, const Tensor& x, const Tensor& scale,
                                                   const Tensor& shift, float eps, Context& ctx);

/// torch.nn.LayerNorm with weight and bias.
class LayerNorm : public Module {
 public:
  LayerNorm(const Scope& scope, int64_t channels, float eps);
  [[nodiscard]] Tensor forward(const Tensor& x, Context& ctx) const;
  /// The output as `reader` reads it.
  [[nodiscard]] LinearInput forward_into(const Linear& reader, const Tensor& x, Context& ctx) const;

 private:
  float eps_;
  Tensor weight_, bias_;
};

struct Conv2dOptions {
  int64_t stride = 1;
  int64_t padding = 0;
  int64_t groups = 1;
  bool bias = true;
  bool upsample = false;  ///< the picture is first doubled (nearest neighbour)
};

/// torch.nn.Conv2d on [B, H, W, C].
class Conv2d : public Module {
 public:
  Conv2d(const Scope& scope, int64_t in, int64_t out, int64_t kernel, const Conv2dOptions& options = {});
  [[nodiscard]] Tensor forward(const Tensor& x, Context& ctx,
                               ops::Activation activation = ops::Activation::kNone) const;
  [[nodiscard]] const ops::ConvWeight& weight() const noexcept { return weight_; }
  void fold_affine(const Tensor& factor, const Tensor& offset);

 private:
  [[nodiscard]] bool is_linear() const;  // a 1x1 convolution without groups, over the pixels
  [[nodiscard]] Tensor adapted(const Tensor& x, const Tensor& y, ops::Activation activation, Context& ctx) const;

  ops::ConvWeight weight_;
  LowRank adapter_;               // of weight_, which it is beside
  ops::ConvWeight adapter_down_;  // adapter_.down with weight_'s kernel, where that is more than 1x1
  F8Weight f8_;                   // of a 1x1 convolution
};

/// diffusers' RMSNorm over the last axis, with a weight and perhaps a bias; Gemma's with 1 + weight.
class RmsNorm : public Module {
 public:
  struct Options {
    float eps;
    bool bias = false;
    bool weight_plus_one = false;
  };
  RmsNorm(const Scope& scope, int64_t channels, const Options& options);
  [[nodiscard]] Tensor forward(const Tensor& x, Context& ctx, const Tensor& residual = {},
                               ops::Activation activation = ops::Activation::kNone) const;
  /// The norm, then rotary positions (ops::rms_norm_rope_interleaved).
  [[nodiscard]] Tensor forward_rotated(const Tensor& x, const Tensor& cos, const Tensor& sin, Context& ctx) const;

 private:
  Options options_;
  Tensor weight_, bias_;
};

}  // namespace swan::nn

#pragma once

#include <optional>

#include "nn/layers.h"

namespace swan::models {

/// Inverted bottleneck with a gated depthwise middle: 1x1, SiLU, depthwise 3x3, first half times SiLU of the second,
/// 1x1 without bias; then perhaps an RMS norm and the residual. Ref: diffusers sana_transformer.py, GLUMBConv
class GLUMBConv : public nn::Module {
 public:
  struct Options {
    double expand_ratio = 4;
    bool rms_norm = false;  ///< norm_type "rms_norm"; else none
    bool residual_connection = true;
  };
  GLUMBConv(const nn::Scope& scope, int64_t in, int64_t out, const Options& options);

  /// @param x  [B, H, W, in] f32;  @return  [B, H, W, out] f32
  [[nodiscard]] Tensor forward(const Tensor& x, Context& ctx) const;

 private:
  [[nodiscard]] Tensor bottleneck(const Tensor& x, Context& ctx) const;

  bool residual_;
  int64_t hidden_;
  nn::Conv2d conv_inverted_, conv_depth_, conv_point_;
  std::optional<nn::RmsNorm> norm_;
};

}  // namespace swan::models

#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "nn/layers.h"

namespace swan::models {

/// One frame within the autoencoder, [1, H, W, C] f32.
using WanFrame = Tensor;

/// Puts planes [1, C, H, W] at frame t of clip [1, C, T, H, W].
void put_frame(const Tensor& planes, Tensor& clip, int64_t t);
/// Frames [1, H, W, C] as a clip, [1, C, T, H, W].
[[nodiscard]] Tensor clip_of(const std::vector<WanFrame>& frames, Context& ctx);

/// What the causal convolutions of one clip remember: for each of them the frames that came last, newest at the back.
/// The reference's feature cache.
class WanFeatureCache {
 public:
  [[nodiscard]] std::vector<WanFrame>& of(const void* module) { return frames_[module]; }

 private:
  std::map<const void*, std::vector<WanFrame>> frames_;
};

/// A module of frames.
class WanModule : public nn::Module {
 public:
  using Module::Module;
  /// Records frames [1, H, W, C] as the reference has them, [1, C, T, H, W].
  void tap_clip(Context& ctx, const std::vector<WanFrame>& frames, const std::string& name = "") const;
};

/// Part of the autoencoder that takes frames one at a time. Given one for good, it hands back the frames that it can
/// make by now: one, two where time is upsampled, none where it is downsampled and the second of a pair is awaited.
class WanBlock : public WanModule {
 public:
  using WanModule::WanModule;
  virtual ~WanBlock() = default;
  [[nodiscard]] virtual std::vector<WanFrame> forward(WanFrame x, WanFeatureCache& cache, Context& ctx) const = 0;
};

/// A convolution over this frame and the two before it, of which those before the clip are zeros.
class WanCausalConv3d : public nn::Module {
 public:
  WanCausalConv3d(const nn::Scope& scope, int64_t in, int64_t out, int64_t kernel = 3);
  [[nodiscard]] WanFrame forward(const WanFrame& x, WanFeatureCache& cache, Context& ctx) const;

 private:
  ops::ConvWeight weight_;
};

/// The same with few output channels: what the kernel's three frames make of a frame is computed at once and the sums
/// wait for those to come, a tenth of what the frames themselves would take at full size.
class WanCausalConvOut : public nn::Module {
 public:
  WanCausalConvOut(const nn::Scope& scope, int64_t in, int64_t out);
  [[nodiscard]] WanFrame forward(const WanFrame& x, WanFeatureCache& cache, Context& ctx) const;

 private:
  int64_t out_;
  ops::ConvWeight parts_;  // [3 out, in, 3, 3]: oldest frame's first
  Tensor bias_;
};

/// x / |x| sqrt(C) gamma over the channels, then SiLU if asked.
class WanRMSNorm : public nn::Module {
 public:
  /// @param axes  trailing axes of one that the stored gamma has: 3, or 2 in attention
  WanRMSNorm(const nn::Scope& scope, int64_t channels, int axes);
  [[nodiscard]] Tensor forward(const Tensor& x, ops::Activation activation, Context& ctx) const;

 private:
  Tensor gamma_;
};

class WanResidualBlock : public WanBlock {
 public:
  WanResidualBlock(const nn::Scope& scope, int64_t in, int64_t out);
  [[nodiscard]] std::vector<WanFrame> forward(WanFrame x, WanFeatureCache& cache, Context& ctx) const override;

 private:
  WanRMSNorm norm1_, norm2_;
  WanCausalConv3d conv1_, conv2_;
  std::optional<nn::Linear> conv_shortcut_;
};

/// Self-attention with one head among the pixels of a frame.
class WanAttentionBlock : public WanBlock {
 public:
  WanAttentionBlock(const nn::Scope& scope, int64_t channels);
  [[nodiscard]] std::vector<WanFrame> forward(WanFrame x, WanFeatureCache& cache, Context& ctx) const override;

 private:
  int64_t channels_;
  WanRMSNorm norm_;
  nn::Linear to_qkv_, proj_;
};

class WanMidBlock : public WanBlock {
 public:
  WanMidBlock(const nn::Scope& scope, int64_t channels);
  [[nodiscard]] std::vector<WanFrame> forward(WanFrame x, WanFeatureCache& cache, Context& ctx) const override;

 private:
  WanResidualBlock resnet0_;
  WanAttentionBlock attention_;
  WanResidualBlock resnet1_;
};

/// Halves height and width, and with `time` the number of frames after the first.
class WanDownsample : public WanBlock {
 public:
  WanDownsample(const nn::Scope& scope, int64_t channels, bool time);
  [[nodiscard]] std::vector<WanFrame> forward(WanFrame x, WanFeatureCache& cache, Context& ctx) const override;

 private:
  ops::ConvWeight conv_;
  std::optional<ops::ConvWeight> time_conv_;
};

/// Doubles height and width while halving the channels, and with `time` the number of frames after the first.
class WanUpsample : public WanBlock {
 public:
  WanUpsample(const nn::Scope& scope, int64_t channels, bool time);
  [[nodiscard]] std::vector<WanFrame> forward(WanFrame x, WanFeatureCache& cache, Context& ctx) const override;

 private:
  nn::Conv2d conv_;
  std::vector<ops::ConvWeight> time_conv_;  // one for each of the two frames that it makes of one
};

}  // namespace swan::models

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "io/config.h"
#include "models/tiling.h"
#include "nn/layers.h"

namespace swan::models {

/// diffusers' config of AutoencoderKLWan, as Wan 2.1 has it.
struct AutoencoderKLWanConfig {
  int64_t base_dim, decoder_base_dim, z_dim, in_channels, out_channels, num_res_blocks;
  std::vector<int64_t> dim_mult;
  std::vector<bool> temperal_downsample;  ///< spelt as in the config
  std::vector<double> latents_mean, latents_std;

  [[nodiscard]] int64_t spatial_compression_ratio() const { return int64_t{1} << (dim_mult.size() - 1); }
  [[nodiscard]] int64_t temporal_compression_ratio() const;
  /// @throws Error kCorruptFile naming a key that is out of range; kUnsupported for a variant we lack (Wan 2.2)
  [[nodiscard]] static AutoencoderKLWanConfig parse(const io::Config& config);
};

class WanEncoder3d;
class WanDecoder3d;

/// The causal 3-D autoencoder of Wan 2.1: clips of 1 + 4n frames to 1 + n latent frames and back. It works frame by
/// frame and remembers what its causal convolutions need of the frames before, so memory does not grow with a clip's
/// length. Ref: Wan Team 2025 (arXiv:2503.20314); diffusers models/autoencoders/autoencoder_kl_wan.py, AutoencoderKLWan
class AutoencoderKLWan : public nn::Module {
 public:
  enum class Halves { kBoth, kDecoder, kEncoder };
  AutoencoderKLWan(const AutoencoderKLWanConfig& config, const std::shared_ptr<io::Weights>& weights,
                   std::optional<DType> storage, Halves halves);
  ~AutoencoderKLWan();

  [[nodiscard]] const AutoencoderKLWanConfig& config() const noexcept { return config_; }

  /// Spatial tiles for clips larger than the tile, blended as the reference does it. All frames of a clip are then
  /// held.
  void enable_tiling(const Tiling& tiling) { tiling_ = tiling; }
  void disable_tiling() { tiling_.reset(); }

  /// Decodes one clip and hands each frame over as it is done.
  /// @param z      [1, z_dim, T, h, w] f32, latents times latents_std plus latents_mean
  /// @param frame  called 1 + 4 (T - 1) times with [1, 3, H, W] in [-1, 1], on the context's device and in its dtype
  /// (f32
  ///               after tiling)
  /// @throws Error kShapeMismatch, kCancelled between blocks; what `frame` throws
  void decode(const Tensor& z, const std::function<void(const Tensor&)>& frame, Context& ctx) const;
  /// The whole batch at once: [B, z_dim, T, h, w] to [B, 3, F, H, W] f32 on the host.
  [[nodiscard]] Tensor decode(const Tensor& z, Context& ctx) const;
  /// @param x  [B, 3, F, H, W] f32 in [-1, 1], F = 1 + 4n, H and W multiples of 8
  /// @return   [B, 2 z_dim, 1 + n, h, w] f32: mean and logarithm of the variance of the latents
  [[nodiscard]] Tensor encode(const Tensor& x, Context& ctx) const;

 private:
  [[nodiscard]] Tensor encode_clip(const Tensor& x, Context& ctx) const;
  void decode_clip(const Tensor& z, const std::function<void(const Tensor&)>& frame, Context& ctx) const;

  AutoencoderKLWanConfig config_;
  std::optional<Tiling> tiling_;
  std::unique_ptr<WanEncoder3d> encoder_;
  std::unique_ptr<WanDecoder3d> decoder_;
  std::unique_ptr<nn::Linear> quant_conv_, post_quant_conv_;
};

}  // namespace swan::models

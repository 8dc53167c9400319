#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/config.h"
#include "models/tiling.h"
#include "nn/layers.h"

namespace swan::models {

/// One half of diffusers' AutoencoderDC configuration, a list entry per resolution, finest first.
struct AutoencoderDCHalf {
  std::vector<std::string> block_types;  ///< "ResBlock" or "EfficientViTBlock"
  std::vector<int64_t> block_out_channels, layers_per_block;
  std::vector<std::vector<int64_t>> qkv_multiscales;
  std::vector<std::string> norm_types;  ///< "rms_norm" or "batch_norm"
  std::vector<ops::Activation> act_fns;
};

struct AutoencoderDCConfig {
  int64_t in_channels, latent_channels, attention_head_dim;
  AutoencoderDCHalf encoder, decoder;
  bool pixel_shuffle_up;      ///< upsample_block_type "pixel_shuffle"; else "interpolate"
  bool pixel_unshuffle_down;  ///< downsample_block_type "pixel_unshuffle"; else "conv"
  bool encoder_out_shortcut, decoder_in_shortcut;
  ops::Activation decoder_conv_act_fn;
  double scaling_factor;

  /// Pixels per latent, in each direction.
  [[nodiscard]] int64_t spatial_compression_ratio() const {
    return int64_t{1} << (encoder.block_out_channels.size() - 1);
  }
  /// @throws Error kCorruptFile naming a key that is absent or out of range; kUnsupported for a variant we lack
  [[nodiscard]] static AutoencoderDCConfig parse(const io::Config& config);
};

/// What bounds a decoder's memory. Counted in f32 whatever it computes in, so that pictures follow from shapes alone.
struct DecodeLimits {
  /// A resolution whose activations are larger is computed in parts of rows, with all that are finer than it, where
  /// none of them has attention. 2048 x 2048 pixels of DC-AE f32c32's finest resolution are within.
  int64_t whole_bytes = int64_t{2} << 30;
  /// Of a part's activations at each resolution.
  int64_t part_bytes = int64_t{1} << 30;
};

class DCDecoder;
class DCEncoder;

/// Deep-compression autoencoder. Only the halves that are asked for are loaded.
/// Ref: Chen et al. 2024 (arXiv:2410.10733); diffusers models/autoencoders/autoencoder_dc.py
class AutoencoderDC {
 public:
  enum class Halves { kDecoder, kEncoder, kBoth };

  AutoencoderDC(const AutoencoderDCConfig& config, const std::shared_ptr<io::Weights>& weights,
                std::optional<DType> storage, Halves halves);
  ~AutoencoderDC();

  /// @param z  [B, latent_channels, h, w] f32, already divided by scaling_factor
  /// @return   [B, in_channels, h r, w r] f32, about [-1, 1], r = spatial_compression_ratio
  /// @throws Error kCancelled between stages and tiles
  [[nodiscard]] Tensor decode(const Tensor& z, Context& ctx) const;
  /// @param x  [B, in_channels, H, W] f32, H and W multiples of r unless tiled
  /// @return   [B, latent_channels, H / r, W / r] f32, to be multiplied by scaling_factor
  [[nodiscard]] Tensor encode(const Tensor& x, Context& ctx) const;

  /// Pictures larger than a tile are then made tile by tile, exactly as diffusers does after enable_tiling.
  void enable_tiling(const Tiling& tiling) { tiling_ = tiling; }
  void disable_tiling() { tiling_.reset(); }

  /// Decoding whole pictures, and tiles, keeps to these. The result is the same but for rounding.
  void set_decode_limits(const DecodeLimits& limits) { limits_ = limits; }
  [[nodiscard]] const AutoencoderDCConfig& config() const noexcept { return config_; }

 private:
  AutoencoderDCConfig config_;
  std::unique_ptr<DCEncoder> encoder_;
  std::unique_ptr<DCDecoder> decoder_;
  std::optional<Tiling> tiling_;
  DecodeLimits limits_;
};

}  // namespace swan::models

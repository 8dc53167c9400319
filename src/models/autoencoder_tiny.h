#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/context.h"
#include "io/weights.h"
#include "models/autoencoder_dc.h"
#include "swan/tensor.h"

namespace swan::models {

/// The decoder of a tiny autoencoder, a hundredth of the one that it was distilled from: of TAESD's kind for pictures
/// (TAESANA for Sana), of TAEHV's for clips (TAEW2.1 for Wan 2.1). It takes latents as the transformer makes them, with
/// no factor and no statistics. Channels, stages and what they multiply are read from the tensors' shapes, so that any
/// decoder of these kinds is taken; of clips it works frame by frame, so that memory does not grow with their length.
/// Ref: github.com/madebyollin/taesd, taesd.py, and github.com/madebyollin/taehv, taehv.py (2026-08)
class AutoencoderTiny {
 public:
  /// Whether the tensors are such a decoder's: in a sequence, "1.weight", "3.conv.0.weight", or so below "decoder.".
  [[nodiscard]] static bool is_one(const io::Weights& weights);

  /// @param weights  an encoder beside the decoder, "encoder.", is left alone
  /// @throws Error kCorruptFile, kUnsupported naming the tensor that does not fit; kShapeMismatch
  AutoencoderTiny(const std::shared_ptr<io::Weights>& weights, std::optional<DType> storage);
  ~AutoencoderTiny();

  [[nodiscard]] int64_t latent_channels() const noexcept { return latent_channels_; }
  /// Pixels of a latent in each direction.
  [[nodiscard]] int64_t spatial_compression_ratio() const noexcept;
  /// Frames of a latent one after the first; 1: of pictures.
  [[nodiscard]] int64_t temporal_compression_ratio() const noexcept;
  /// Whether blocks remember the frame before, as those of clips do.
  [[nodiscard]] bool is_video() const noexcept { return video_; }

  /// @param z  [B, latent_channels, h, w] f32;  @return [B, 3, h r, w r], about [-1, 1], in the context's dtype
  /// @throws Error kShapeMismatch; kCancelled between blocks
  [[nodiscard]] Tensor decode(const Tensor& z, Context& ctx) const;
  /// Decodes one clip and hands each frame over as it is done.
  /// @param z      [1, latent_channels, T, h, w] f32
  /// @param frame  called 1 + t (T - 1) times with [1, 3, h r, w r] in [-1, 1], as AutoencoderKLWan's
  void decode(const Tensor& z, const std::function<void(const Tensor&)>& frame, Context& ctx) const;

  /// Of pictures: as AutoencoderDC's.
  void set_decode_limits(const DecodeLimits& limits) { limits_ = limits; }

 private:
  struct Stage;
  struct Memory;

  void read_layout(const std::shared_ptr<io::Weights>& weights, std::optional<DType> storage);
  [[nodiscard]] Tensor first(const Tensor& z, Context& ctx) const;
  [[nodiscard]] Tensor to_pixels(const Tensor& x, Context& ctx) const;
  void through(size_t stage, Tensor x, Memory& memory, const std::function<void(const Tensor&)>& sink,
               Context& ctx) const;

  int64_t latent_channels_ = 0;
  bool video_ = false;
  std::unique_ptr<nn::Conv2d> conv_in_, conv_out_;
  std::vector<Stage> stages_;
  bool relu_out_ = false;  // before conv_out_
  DecodeLimits limits_;
};

}  // namespace swan::models

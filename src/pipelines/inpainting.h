#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/context.h"
#include "pipelines/aspect_ratio.h"
#include "swan/image.h"
#include "swan/tensor.h"

namespace swan::pipelines {

/// Which pixels are drawn anew: what a mask says, at the size that pictures are made at.
class PixelMask {
 public:
  /// @param mask  white: drawn anew, black: kept, grey at the border: mixed; any size, it is scaled
  /// @throws Error kInvalidArgument for a picture without pixels, or whose size and bytes disagree
  PixelMask(const Image& mask, Size size);

  /// For each latent 1 where any of its pixels is drawn anew (is lighter than mid-grey), else 0: what is half in the
  /// mask must be able to change. @param latents  [B, C, (T,) h, w];  @return  of that shape, f32 on the host
  [[nodiscard]] Tensor latent_mask(const Shape& latents) const;
  /// Puts the pixels of `original` back where the mask keeps them: to the bit where it is black.
  /// @param picture, original  of the mask's size
  void restore(Image& picture, const Image& original) const;

 private:
  Size size_;
  std::vector<uint8_t> levels_;  // 255: drawn anew
};

/// Keeps the latents of what a mask keeps on the way of the picture that is there: after each step they are that
/// picture's with the noise of that point. Ref: diffusers pipeline_stable_diffusion_3_inpaint.py; Lugmayr et al. 2022
/// (arXiv:2201.09865) without resampling
class LatentBlend {
 public:
  /// @param mask   as PixelMask::latent_mask gives it
  /// @param known  of the picture, noise: that it was given at first; all of one shape
  LatentBlend(const Tensor& mask, Tensor known, Tensor noise, Context& ctx);
  /// mask * latents + (1 - mask) * (signal * known + amplitude * noise)
  [[nodiscard]] Tensor operator()(const Tensor& latents, float signal, float amplitude, Context& ctx) const;

 private:
  Tensor mask_, inverse_, known_, noise_;
};

/// How many of the first steps are left out where a picture stands for what they would have made.
/// @param whole_steps  the number of steps taken is rounded down, as for clips; else up
/// @throws Error kInvalidArgument for a strength outside 0 to 1, or one that leaves no step
[[nodiscard]] int first_step(double strength, int steps, bool whole_steps);

/// What a request says of where it starts.
struct Start {
  const char* noun;    ///< "picture", "clip"
  const char* option;  ///< what gives it: "image", "video"
  bool given, strength, mask, latents;
};
/// @throws Error kInvalidArgument when there is a strength or a mask without a picture, or initial latents beside it
void check_start(const Start& start);

}  // namespace swan::pipelines

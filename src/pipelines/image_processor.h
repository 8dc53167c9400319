#pragma once

#include "pipelines/aspect_ratio.h"
#include "swan/image.h"
#include "swan/tensor.h"

namespace swan::pipelines {

/// Scales bilinearly (no antialias, half-pixel centres) by the larger of the two ratios and crops the centre; the same
/// tensor when the size is its own.
/// @param x  [B, C, H, W] f32;  @return [B, C, height, width] f32
/// Ref: diffusers PixArtImageProcessor.resize_and_crop_tensor, torch.nn.functional.interpolate
[[nodiscard]] Tensor resize_and_crop(const Tensor& x, Size size);

/// A picture as the encoder of an autoencoder takes it: scaled to the size, whatever its shape was, and from [0, 255]
/// to
/// [-1, 1]. @return  [1, 3, height, width] f32
/// @throws Error kInvalidArgument for a picture without pixels, or whose size and bytes disagree
/// Ref: diffusers VaeImageProcessor.preprocess, of a PIL picture
[[nodiscard]] Tensor to_tensor(const Image& image, Size size);

/// Picture `index` of [B, 3, H, W] f32 in [-1, 1] as 8-bit RGB: clamp(x / 2 + 0.5) * 255, rounded half to even.
/// Ref: diffusers VaeImageProcessor.postprocess
[[nodiscard]] Image to_image(const Tensor& x, int64_t index);

}  // namespace swan::pipelines

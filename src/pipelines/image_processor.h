#pragma once

#include "core/context.h"
#include "pipelines/aspect_ratio.h"
#include "swan/image.h"
#include "swan/tensor.h"

namespace swan::pipelines {

/// Scales bilinearly (no antialias, half-pixel centres) by the larger of the two ratios and crops the centre; the same
/// tensor when the size is its own.
/// @param x  [B, C, H, W] f32;  @return [B, C, height, width] f32
/// Ref: diffusers PixArtImageProcessor.resize_and_crop_tensor, torch.nn.functional.interpolate
[[nodiscard]] Tensor resize_and_crop(const Tensor& x, Size size);

/// @throws Error kInvalidArgument for a picture without pixels, or whose size and bytes disagree
void check_picture(const Image& image);

/// A picture as the encoder of an autoencoder takes it: scaled to the size, whatever its shape was, and from [0, 255]
/// to
/// [-1, 1]. @return  [1, 3, height, width] f32
/// @throws Error kInvalidArgument for a picture without pixels, or whose size and bytes disagree
/// Ref: diffusers VaeImageProcessor.preprocess, of a PIL picture
[[nodiscard]] Tensor to_tensor(const Image& image, Size size);

/// A decoded picture as 8-bit RGB (ops::pack_rgb), packed where it is: of one on a device three bytes a pixel are
/// downloaded.
/// @param x    [1, 3, H, W] about [-1, 1]: f32 on the host, or any floating dtype on the context's device
/// @throws Error kUnsupported when it has not 3 channels
/// Ref: diffusers VaeImageProcessor.postprocess
[[nodiscard]] Image to_image(const Tensor& x, Context& ctx);

}  // namespace swan::pipelines

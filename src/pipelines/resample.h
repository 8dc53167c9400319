#pragma once

#include "pipelines/aspect_ratio.h"
#include "swan/image.h"

namespace swan::pipelines {

/// Scales a picture with a Lanczos filter of three lobes, which grows with the scale where it shrinks: columns, then
/// rows, each rounded to 8 bits, or rows first where it becomes wider and lower. To the bit what PIL.Image.resize(size,
/// LANCZOS) gives, which diffusers prepares pictures with. The same picture when the size is its own.
/// @param size  at least one pixel each way
/// Ref: Turkowski 1990, "Filters for common resampling tasks"; Pillow, Image.resize
[[nodiscard]] Image resize_lanczos(const Image& image, Size size);

}  // namespace swan::pipelines

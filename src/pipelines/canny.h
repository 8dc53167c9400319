#pragma once

#include "swan/image.h"

namespace swan::pipelines {

/// Thresholds of the gradient's size |Gx| + |Gy| by Sobel's kernels, the customary ones of ControlNet's edge pictures.
/// An upright or level border between two even greys has, after the blur, 2.5 times their difference: from black to
/// white 637. One of more than 80 levels is thus an edge, and one of more than 40 if such a one continues it.
struct CannyThresholds {
  int low = 100;   ///< what is above it belongs to an edge that is above `high` elsewhere
  int high = 200;  ///< what is above it is an edge
};

/// The edges of a picture, one pixel wide, white on black. Grey (ITU-R 601), a 5x5 Gaussian (binomial, of deviation 1),
/// Sobel's gradient, of which only the largest across an edge stay, and two thresholds. In whole numbers, so that every
/// machine draws the same edges. Beyond its borders a picture goes on as its outermost pixels.
/// @param image  at least one pixel each way
/// Ref: Canny 1986, "A Computational Approach to Edge Detection"
[[nodiscard]] Image canny(const Image& image, const CannyThresholds& thresholds = {});

}  // namespace swan::pipelines

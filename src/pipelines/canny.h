#pragma once

#include "swan/image.h"

namespace swan::pipelines {

/// Thresholds of the gradient's size |Gx| + |Gy| by Sobel's kernels. An upright or level border between two even greys
/// has, after the blur, 2.5 times their difference, 637 from black to white: with these one of more than 50 levels is
/// an edge, and one of 25 if such a one continues it, as by the customary 100 and 200 of ControlNet's edge pictures,
/// which are made without a blur.
struct CannyThresholds {
  int low = 62;    ///< what is above it belongs to an edge that is above `high` elsewhere
  int high = 125;  ///< what is above it is an edge
};

/// The edges of a picture, one pixel wide, white on black. Grey (ITU-R 601), a 5x5 Gaussian (binomial, of deviation 1),
/// Sobel's gradient, of which only the largest across an edge stay, and two thresholds. In whole numbers, so that every
/// machine draws the same edges. Beyond its borders a picture goes on as its outermost pixels.
/// @param image  at least one pixel each way
/// Ref: Canny 1986, "A Computational Approach to Edge Detection"
[[nodiscard]] Image canny(const Image& image, const CannyThresholds& thresholds = {});

}  // namespace swan::pipelines

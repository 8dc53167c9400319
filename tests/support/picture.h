#pragma once

#include <gtest/gtest.h>

#include <string>

#include "swan/image.h"

namespace swan::support {

/// Reads a PNG as 8-bit RGB, through libpng alone: tests compare what Swan wrote with what another program reads.
/// @throws std::runtime_error naming the file and libpng's reason
[[nodiscard]] Image read_png(const std::string& path);

struct PictureDifference {
  int max_level = 0;       ///< largest difference of two values, 0 to 255
  double equal_share = 0;  ///< of the values
  double mean_level = 0;   ///< mean absolute difference
};
/// @throws std::runtime_error when the sizes differ or there are no pixels
[[nodiscard]] PictureDifference compare(const Image& actual, const Image& expected);

/// Whether two pictures have one size, differ by at most `max_level` everywhere, and are equal on `min_equal_share` of
/// their values. The message has the figures.
[[nodiscard]] ::testing::AssertionResult same_picture(const Image& actual, const Image& expected, int max_level = 1,
                                                      double min_equal_share = 0.997);

}  // namespace swan::support

#pragma once

#include <cstdint>

namespace swan::backends::kernels {

struct DepthwiseGluRow {
  int64_t height, width;
  int64_t channels;  ///< of the output; the input has twice as many
  int64_t kernel;    ///< odd, at most 7
  int64_t row;       ///< which row of the picture to make
};

/// One output row of ops::depthwise_conv_glu.
/// @param x        [height, width, 2 channels];  @param weights  [kernel kernel, 2 channels];  @param bias  or null
/// @param y        [width, channels]
void depthwise_glu_row(const float* x, const float* weights, const float* bias, float* y, const DepthwiseGluRow& shape);

}  // namespace swan::backends::kernels

#pragma once

#include <cstdint>

namespace swan::backends::kernels {

// The transforms of Winograd's F(2x2, 3x3), a tile of 2x2 output pixels at a time, vectors along the channels. A tile's
// P x P transformed values (P = 4, or 3 for a picture that is doubled first) lie `stride` floats apart, row by row.

/// B^T d B of the P x P input pixels of a tile, each a row of `channels`. For a doubled picture the pixels are those
/// before doubling: equal neighbours make the third of the four transformed rows and columns vanish.
void winograd_input(const float* const* pixels, int64_t points, int64_t channels, float* v, int64_t stride);

/// A^T m A + bias, into the up to 2x2 output pixels of a tile; null pixels are beyond the picture. `bias` may be null.
void winograd_output(const float* m, int64_t stride, int64_t points, int64_t channels, const float* bias,
                     float* const* pixels);

}  // namespace swan::backends::kernels

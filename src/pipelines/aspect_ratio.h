#pragma once

#include <cstdint>
#include <optional>

namespace swan::pipelines {

/// Pixels.
struct Size {
  int64_t height, width;
  bool operator==(const Size&) const = default;
};

/// The training resolution whose aspect ratio is nearest to the size's.
/// @param sample_size  side of the model's latents: 16, 32, 64 or 128
/// @return nothing for another sample size, which has no table
/// Ref: diffusers PixArtImageProcessor.classify_height_width_bin
[[nodiscard]] std::optional<Size> classify_height_width_bin(int64_t sample_size, Size size);

}  // namespace swan::pipelines

#pragma once

#include "swan/tensor.h"

namespace swan::models {

struct SincosGrid {
  int64_t height, width;  ///< in patches
  int64_t base_size;      ///< the training grid's side, to which positions are scaled
  double interpolation_scale;
};

/// Two-dimensional sine-cosine position embedding: a quarter of the channels each for sin and cos of the column, then
/// of the row.
/// @return [height * width, channels] f32;  @throws Error kInvalidArgument when channels is no multiple of 4
/// Ref: diffusers models/embeddings.py, get_2d_sincos_pos_embed
[[nodiscard]] Tensor sincos_position_embedding(int64_t channels, const SincosGrid& grid);

}  // namespace swan::models

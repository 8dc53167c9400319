#pragma once

#include "core/context.h"
#include "swan/tensor.h"

namespace swan::ops {

/// Rows of a table times a factor.
/// @param ids    [B, L] i32, on the host;  @param table  [V, C] f32 | f16 | bf16
/// @return       [B, L, C] in the context's dtype
/// @throws Error kInvalidArgument when an id is not in the table
[[nodiscard]] Tensor embedding(const Tensor& ids, const Tensor& table, float scale, Context& ctx);

/// Sinusoidal embedding of timesteps, cosines first: [cos(t f_i), sin(t f_i)], f_i = exp(-ln(10000) i / (dim / 2)).
/// @param timesteps  [B] f32;  @param dim  even
/// @return           [B, dim] f32
/// Ref: diffusers embeddings.py, get_timestep_embedding(flip_sin_to_cos=True, downscale_freq_shift=0)
[[nodiscard]] Tensor timestep_embedding(const Tensor& timesteps, int64_t dim, Context& ctx);

}  // namespace swan::ops

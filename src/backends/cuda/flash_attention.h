#pragma once

#include <cstdint>

#include "swan/tensor.h"

namespace swan::backends::cuda {

/// softmax(scale q k^T) v for heads of 128 channels on Hopper, faster there than cuDNN's on long sequences.
/// @param q    [B, Lq, heads * 128] bf16 or f16, on the current device, as all
/// @param k,v  [B, Lk, kv_heads * 128] of q's dtype
/// @param out  as q
/// @return  false: not on this GPU, or not for this shape; out is undefined
[[nodiscard]] bool flash_attention(const Tensor& q, const Tensor& k, const Tensor& v, int64_t heads, int64_t kv_heads,
                                   float scale, Tensor& out);

}  // namespace swan::backends::cuda

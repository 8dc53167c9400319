#pragma once

#include "ops/kernel_table.h"

namespace swan::backends {

/// Every operation as plain loops that accumulate in f64 and round to f32 once: slow, obviously correct, the oracle of
/// the other backends' tests. Weights of f16 and bf16 are widened to f32, which is exact. A tiny model runs on it.
[[nodiscard]] const ops::KernelTable& reference_kernels();

}  // namespace swan::backends

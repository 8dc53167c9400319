#pragma once

#include "ops/kernel_table.h"

namespace swan::backends {

/// The fast CPU backend: oneDNN for matrix products and convolutions, Highway for the rest. How work is cut follows
/// from shapes alone, so results do not depend on the number of threads.
[[nodiscard]] const ops::KernelTable& cpu_kernels();

/// The instruction set in use: "avx512", "avx2" or "baseline". SWAN_CPU_ISA in the environment lowers it.
[[nodiscard]] const char* cpu_isa();

}  // namespace swan::backends

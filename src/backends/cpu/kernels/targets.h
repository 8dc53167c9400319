#pragma once

// The instruction sets that kernels are compiled for: AVX-512, AVX2, SSE4 and the portable fallback. Before any Highway
// header.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)

#pragma once

#include <atomic>

#include "core/context.h"

namespace swan::support {

/// What the tests of networks compute with: the CPU, or in f32 the GPU that $SWAN_DEVICE names ("cuda").
[[nodiscard]] Context test_context(const std::atomic<bool>* cancel = nullptr);

/// How many GPUs these tests may use: none in a build without CUDA.
[[nodiscard]] int test_gpus();
/// The first GPU in that dtype; only where test_gpus() is not 0.
[[nodiscard]] Context gpu_context(DType dtype);

}  // namespace swan::support

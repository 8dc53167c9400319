#include "support/device.h"

#include <cstdlib>
#include <string>

#include "core/error.h"
#include "cpu/kernels.h"
#ifdef SWAN_HAS_CUDA
#include "cuda/kernels.h"
#endif

namespace swan::support {

#ifdef SWAN_HAS_CUDA
int test_gpus() { return backends::cuda_device_count(); }
Context gpu_context(DType dtype) { return {backends::cuda_kernels(), &backends::cuda_device(0), dtype}; }
#else
int test_gpus() { return 0; }
Context gpu_context(DType /*dtype*/) { fail(ErrorCode::kUnsupported, "this build has no CUDA."); }
#endif

Context test_context(const std::atomic<bool>* cancel) {
  const char* device = std::getenv("SWAN_DEVICE");
  if (device == nullptr || !std::string(device).starts_with("cuda")) return Context(backends::cpu_kernels(), cancel);
  const Context gpu = gpu_context(DType::kF32);
  return {gpu.kernels(), gpu.device(), DType::kF32, cancel};
}

}  // namespace swan::support

#include <array>
#include <memory>
#include <mutex>

#include "core/error.h"
#include "cuda/kernels.h"
#include "cuda/runtime.h"

namespace swan::backends {

namespace {
constexpr int kMostDevices = 64;
}

int cuda_device_count(std::string* reason) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess) return std::min(count, kMostDevices);
  (void)cudaGetLastError();
  if (reason != nullptr) {
    try {
      cuda::check(status, "cudaGetDeviceCount");
    } catch (const Error& error) {
      *reason = error.what();
    }
  }
  return 0;
}

Device& cuda_device(int ordinal) {
  // Never closed: tensors of static storage may outlive main, and the driver frees everything at the end.
  static std::mutex mutex;
  static std::array<cuda::CudaDevice*, kMostDevices> opened{};
  std::string reason;
  const int count = cuda_device_count(&reason);
  if (count == 0) fail(ErrorCode::kUnsupported, "{}", reason);
  if (ordinal < 0 || ordinal >= count)
    fail(ErrorCode::kInvalidArgument,
         "CUDA: there is no GPU {}; this machine has {}, numbered from 0. Name one of them, or use --device cpu.",
         ordinal, count);
  const std::scoped_lock lock(mutex);
  auto*& device = opened[static_cast<size_t>(ordinal)];
  if (device == nullptr) device = new cuda::CudaDevice(ordinal);
  device->activate();
  return *device;
}

bool cuda_has_f8(const Device& device, std::string* capability) {
  const int found = static_cast<const cuda::CudaDevice&>(device).compute_capability();
  if (capability != nullptr) *capability = fmt::format("{}.{}", found / 10, found % 10);
  return found >= cuda::kF8Capability;
}

}  // namespace swan::backends

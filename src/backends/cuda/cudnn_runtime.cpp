#include "cuda/cudnn_runtime.h"

#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include <string_view>
#include <utility>

namespace swan::backends::cuda {

namespace {
constexpr char kLinkedRuntime = 0;  // its address stands for the runtime's handle

template <typename Fn>
void* address(Fn* function) {
  return reinterpret_cast<void*>(function);
}

// All that cudnn-frontend calls. What is missing makes whatever needs it throw, and that may only cost time: without
// cudaStreamBeginCapture every kept plan was built again.
void* linked_symbol(std::string_view name) {
#define SWAN_SYMBOL(function) \
  { #function, address(&function) }
  static const std::pair<std::string_view, void*> kSymbols[] = {
      SWAN_SYMBOL(cudaDeviceGetAttribute),
      SWAN_SYMBOL(cudaDeviceSynchronize),
      SWAN_SYMBOL(cudaEventCreate),
      SWAN_SYMBOL(cudaEventDestroy),
      SWAN_SYMBOL(cudaEventElapsedTime),
      SWAN_SYMBOL(cudaEventRecord),
      SWAN_SYMBOL(cudaEventSynchronize),
      SWAN_SYMBOL(cudaFree),
      SWAN_SYMBOL(cudaGetDevice),
      SWAN_SYMBOL(cudaGetDeviceProperties),
      SWAN_SYMBOL(cudaGetDriverEntryPointByVersion),
      SWAN_SYMBOL(cudaGetErrorString),
      SWAN_SYMBOL(cudaGetLastError),
      SWAN_SYMBOL(cudaGraphAddChildGraphNode),
      SWAN_SYMBOL(cudaGraphAddMemcpyNode1D),
      SWAN_SYMBOL(cudaGraphAddMemsetNode),
      SWAN_SYMBOL(cudaGraphChildGraphNodeGetGraph),
      SWAN_SYMBOL(cudaGraphCreate),
      SWAN_SYMBOL(cudaGraphDestroy),
      SWAN_SYMBOL(cudaGraphGetNodes),
      SWAN_SYMBOL(cudaGraphGetRootNodes),
      SWAN_SYMBOL(cudaGraphMemcpyNodeSetParams1D),
      SWAN_SYMBOL(cudaGraphMemsetNodeSetParams),
      SWAN_SYMBOL(cudaGraphNodeGetDependencies),
      SWAN_SYMBOL(cudaGraphNodeGetDependentNodes),
      SWAN_SYMBOL(cudaGraphRetainUserObject),
      SWAN_SYMBOL(cudaMalloc),
      SWAN_SYMBOL(cudaMemcpyAsync),
      SWAN_SYMBOL(cudaMemsetAsync),
      SWAN_SYMBOL(cudaPointerGetAttributes),
      SWAN_SYMBOL(cudaRuntimeGetVersion),
      SWAN_SYMBOL(cudaStreamBeginCapture),
      SWAN_SYMBOL(cudaStreamCreate),
      SWAN_SYMBOL(cudaStreamDestroy),
      SWAN_SYMBOL(cudaStreamEndCapture),
      SWAN_SYMBOL(cudaStreamGetCaptureInfo),
      SWAN_SYMBOL(cudaStreamIsCapturing),
      SWAN_SYMBOL(cudaStreamSynchronize),
      SWAN_SYMBOL(cudaThreadExchangeStreamCaptureMode),
      SWAN_SYMBOL(cudaUserObjectCreate),
      SWAN_SYMBOL(cudaUserObjectRelease),
  };
#undef SWAN_SYMBOL
  for (const auto& [known, function] : kSymbols)
    if (known == name) return function;
  return nullptr;
}
}  // namespace

void* frontend_library(const char* file, int flags) noexcept {
  const std::string_view name = file;
  if (name == "libcudart.so.13") return const_cast<char*>(&kLinkedRuntime);
  if (name.starts_with("libcudart.so")) return nullptr;  // it tries others too and warns of a choice
  return dlopen(file, flags);
}

void* frontend_symbol(void* library, const char* name) noexcept {
  return library == &kLinkedRuntime ? linked_symbol(name) : dlsym(library, name);
}

}  // namespace swan::backends::cuda

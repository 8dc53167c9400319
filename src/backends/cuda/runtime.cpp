#include "cuda/runtime.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/error.h"
#include "core/parallel.h"
#include "cuda/conversion.h"
#include "cuda/cublaslt.h"
#include "cuda/cudnn.h"

namespace swan::backends::cuda {

void check(cudaError_t status, const char* call, std::source_location where) {
  if (status == cudaSuccess) return;
  (void)cudaGetLastError();
  const char* file = where.file_name();
  if (const char* slash = std::strrchr(file, '/')) file = slash + 1;
  switch (status) {
    case cudaErrorInsufficientDriver:
      fail(ErrorCode::kUnsupported,
           "CUDA: there is no NVIDIA driver, or it is older than CUDA {}.{} needs: install 580 or later, or use "
           "--device "
           "cpu.",
           CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
    case cudaErrorNoDevice:
      fail(ErrorCode::kUnsupported, "CUDA: there is no NVIDIA GPU that can be used; use --device cpu.");
    case cudaErrorMemoryAllocation:
      fail(ErrorCode::kOutOfMemory, "CUDA: {} at {}:{}: out of memory.", call, file, where.line());
    default:
      fail(ErrorCode::kInternal, "CUDA: {} at {}:{} failed: {} ({}).", call, file, where.line(),
           cudaGetErrorString(status), cudaGetErrorName(status));
  }
}

void check_launch(const char* kernel, std::source_location where) { check(cudaGetLastError(), kernel, where); }

void fail_dtype(DType dtype) { fail(ErrorCode::kInvalidArgument, "CUDA: an operation was given {} values.", dtype); }

// Uploads and downloads go through two pinned buffers in turn: the host fills or empties one while the other is on its
// way.
struct CudaDevice::Staging {
  static constexpr size_t kBytes = size_t{32} << 20;
  // Pictures are a few of these, so that they come and are taken out at the same time.
  static constexpr size_t kDownloadBytes = size_t{4} << 20;
  static constexpr size_t kDirectBytes = size_t{64} << 10;  // the driver's own staging does for less
  struct Buffer {
    char* bytes = nullptr;
    cudaEvent_t sent = nullptr;  // the latest copy from or into it is done
  };
  std::mutex mutex;
  std::array<Buffer, 2> buffers;
  size_t next = 0;

  Staging() {
    for (Buffer& b : buffers) {
      void* bytes = nullptr;
      check(cudaMallocHost(&bytes, kBytes), "cudaMallocHost");
      b.bytes = static_cast<char*>(bytes);
      check(cudaEventCreateWithFlags(&b.sent, cudaEventDisableTiming), "cudaEventCreate");
    }
  }
  ~Staging() {
    for (const Buffer& b : buffers) {
      (void)cudaEventDestroy(b.sent);
      (void)cudaFreeHost(b.bytes);
    }
  }
};

namespace {
thread_local CudaDevice* current_device = nullptr;

// Thrown by what cannot be part of a recording; CudaDevice::record catches it.
struct NotRecordable {};
}  // namespace

CudaDevice& current() {
  SWAN_ASSERT(current_device != nullptr);
  return *current_device;
}

CudaDevice::CudaDevice(int ordinal) : ordinal_(ordinal), name_("cuda:" + std::to_string(ordinal)) {
  check(cudaSetDevice(ordinal), "cudaSetDevice");
  const auto attribute = [ordinal](cudaDeviceAttr which) {
    int value = 0;
    check(cudaDeviceGetAttribute(&value, which, ordinal), "cudaDeviceGetAttribute");
    return value;
  };
  multiprocessors_ = attribute(cudaDevAttrMultiProcessorCount);
  compute_capability_ =
      10 * attribute(cudaDevAttrComputeCapabilityMajor) + attribute(cudaDevAttrComputeCapabilityMinor);
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
  pool_ = std::make_shared<MemoryPool>(name_);
}

std::string CudaDevice::description() const {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, ordinal_), "cudaGetDeviceProperties");
  int driver = 0;
  check(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
  return fmt::format("{}, {}.{}, {} multiprocessors, driver for CUDA {}.{}", properties.name, compute_capability_ / 10,
                     compute_capability_ % 10, multiprocessors_, driver / 1000, driver % 1000 / 10);
}

CudaDevice::~CudaDevice() = default;  // opened devices live as long as the process: cuda_device

void CudaDevice::activate() {
  if (current_device == this) return;
  check(cudaSetDevice(ordinal_), "cudaSetDevice");
  current_device = this;
}

void CudaDevice::upload(void* to, const void* from, size_t bytes) {
  if (recording_) throw NotRecordable{};
  if (!staging_) staging_ = std::make_unique<Staging>();
  const std::scoped_lock lock(staging_->mutex);
  for (size_t done = 0; done < bytes; done += Staging::kBytes) {
    const size_t count = std::min(Staging::kBytes, bytes - done);
    Staging::Buffer& buffer = staging_->buffers[staging_->next];
    staging_->next = (staging_->next + 1) % staging_->buffers.size();
    check(cudaEventSynchronize(buffer.sent), "cudaEventSynchronize");
    const char* source = static_cast<const char*>(from) + done;
    // The pages of a mapped file are read here, on several threads.
    parallel_ranges(static_cast<int64_t>(count), int64_t{1} << 21, [&](int64_t begin, int64_t end) {
      std::memcpy(buffer.bytes + begin, source + begin, static_cast<size_t>(end - begin));
    });
    check(cudaMemcpyAsync(static_cast<char*>(to) + done, buffer.bytes, count, cudaMemcpyHostToDevice, stream_),
          "cudaMemcpyAsync");
    check(cudaEventRecord(buffer.sent, stream_), "cudaEventRecord");
  }
}

void CudaDevice::download(void* to, const void* from, size_t bytes) {
  if (recording_) throw NotRecordable{};
  if (bytes <= Staging::kDirectBytes) {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_), "cudaMemcpyAsync");
    return synchronize();
  }
  if (!staging_) staging_ = std::make_unique<Staging>();
  const std::scoped_lock lock(staging_->mutex);
  // While one part is on its way into a buffer, the host takes the part before out of the other.
  const Staging::Buffer* filled = nullptr;
  size_t filled_at = 0;
  const auto take = [&] {
    check(cudaEventSynchronize(filled->sent), "cudaEventSynchronize");
    const size_t count = std::min(Staging::kDownloadBytes, bytes - filled_at);
    parallel_ranges(static_cast<int64_t>(count), int64_t{1} << 20, [&](int64_t begin, int64_t end) {
      std::memcpy(static_cast<char*>(to) + filled_at + begin, filled->bytes + begin, static_cast<size_t>(end - begin));
    });
  };
  for (size_t at = 0; at < bytes; at += Staging::kDownloadBytes) {
    Staging::Buffer& buffer = staging_->buffers[staging_->next];
    staging_->next = (staging_->next + 1) % staging_->buffers.size();
    check(cudaMemcpyAsync(buffer.bytes, static_cast<const char*>(from) + at,
                          std::min(Staging::kDownloadBytes, bytes - at), cudaMemcpyDeviceToHost, stream_),
          "cudaMemcpyAsync");
    check(cudaEventRecord(buffer.sent, stream_), "cudaEventRecord");
    if (filled != nullptr) take();
    filled = &buffer;
    filled_at = at;
  }
  take();
}

void CudaDevice::copy(void* to, const void* from, size_t bytes) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_), "cudaMemcpyAsync");
}

void CudaDevice::copy_rows(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t row_bytes,
                           size_t rows) {
  check(cudaMemcpy2DAsync(to, to_pitch, from, from_pitch, row_bytes, rows, cudaMemcpyDeviceToDevice, stream_),
        "cudaMemcpy2DAsync");
}

void CudaDevice::convert(const void* from, DType from_dtype, void* to, DType to_dtype, int64_t count) {
  convert_values(from, from_dtype, to, to_dtype, count, stream_);
}

void CudaDevice::synchronize() { check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize"); }

CublasLt& CudaDevice::cublaslt() {
  if (!cublaslt_) cublaslt_ = std::make_unique<CublasLt>(*this);
  return *cublaslt_;
}

Cudnn& CudaDevice::cudnn() {
  if (!cudnn_) cudnn_ = std::make_unique<Cudnn>(*this);
  return *cudnn_;
}

namespace {
class Graph final : public Recording {
 public:
  Graph(cudaGraph_t graph, cudaStream_t stream, std::shared_ptr<MemoryPool> pool, int owner)
      : graph_(graph), stream_(stream), pool_(std::move(pool)), owner_(owner) {
    check(cudaGraphInstantiate(&executable_, graph_, 0), "cudaGraphInstantiate");
  }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  ~Graph() override {
    (void)cudaStreamSynchronize(stream_);
    (void)cudaGraphExecDestroy(executable_);
    (void)cudaGraphDestroy(graph_);
    pool_->release_private(owner_);
  }
  void launch() override { check(cudaGraphLaunch(executable_, stream_), "cudaGraphLaunch"); }

 private:
  cudaGraph_t graph_;
  cudaStream_t stream_;
  std::shared_ptr<MemoryPool> pool_;
  int owner_;
  cudaGraphExec_t executable_ = nullptr;
};
}  // namespace

std::unique_ptr<Recording> CudaDevice::record(const std::function<void()>& work) {
  activate();
  const int owner = pool_->begin_private();
  recording_ = true;
  cudaGraph_t graph = nullptr;
  bool complete = false;
  const auto end = [&] {
    recording_ = false;
    pool_->end_private();
    return cudaStreamEndCapture(stream_, &graph);
  };
  // Relaxed: the pool may ask the driver for memory meanwhile.
  check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeRelaxed), "cudaStreamBeginCapture");
  try {
    work();
    complete = true;
  } catch (const NotRecordable&) {
  } catch (...) {
    (void)end();
    if (graph != nullptr) (void)cudaGraphDestroy(graph);
    pool_->release_private(owner);
    throw;
  }
  const cudaError_t status = end();
  if (!complete || status != cudaSuccess) {
    (void)cudaGetLastError();
    if (graph != nullptr) (void)cudaGraphDestroy(graph);
    pool_->release_private(owner);
    return nullptr;
  }
  return std::make_unique<Graph>(graph, stream_, pool_, owner);
}

}  // namespace swan::backends::cuda

#include "cuda/runtime.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "core/log.h"
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

class Driver final : public MemorySource {
 public:
  explicit Driver(cudaStream_t stream) : stream_(stream) {}
  void* take(size_t bytes) override {
    void* address = nullptr;
    const cudaError_t status = cudaMalloc(&address, bytes);
    if (status == cudaErrorMemoryAllocation) {
      (void)cudaGetLastError();
      return nullptr;
    }
    check(status, "cudaMalloc");
    return address;
  }
  void give_back(void* memory) noexcept override { (void)cudaFree(memory); }
  void settle() noexcept override { (void)cudaStreamSynchronize(stream_); }

 private:
  cudaStream_t stream_;
};

class Event final : public Mark {
 public:
  explicit Event(cudaStream_t stream) {
    // Whoever waits for a step sleeps.
    check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming | cudaEventBlockingSync), "cudaEventCreate");
    check(cudaEventRecord(event_, stream), "cudaEventRecord");
  }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() override { (void)cudaEventDestroy(event_); }
  void wait() override { check(cudaEventSynchronize(event_), "cudaEventSynchronize"); }

 private:
  cudaEvent_t event_ = nullptr;
};
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
  pool_ = std::make_shared<MemoryPool>(std::make_unique<Driver>(stream_));
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

std::shared_ptr<void> CudaDevice::allocate(size_t bytes) {
  // SWAN_CUDA_POISON: whatever reads what nothing has written finds NaN. For tests.
  static const bool poison = std::getenv("SWAN_CUDA_POISON") != nullptr;
  for (;;) {
    if (auto memory = pool_->allocate(bytes, DeviceCopies::making())) {
      if (poison) check(cudaMemsetAsync(memory.get(), 0xFF, bytes, stream_), "cudaMemsetAsync");
      return memory;
    }
    // Work may still read what leaves, but whatever gets its memory comes after that in the stream. A recording in the
    // making cannot wait for memory to be given back to the driver.
    if (recording_) break;
    if (!idle_replays().drop_all() && !copies().drop_one()) break;
  }
  const auto text = [](size_t count) {
    const double mib = static_cast<double>(count) / (1 << 20);
    return mib < 1000 ? fmt::format("{:.1f} MiB", mib) : fmt::format("{:.2f} GiB", mib / 1024);
  };
  if (pool_->limit_forbids(bytes))
    fail(ErrorCode::kOutOfMemory,
         "{}: {} of GPU memory were asked for, and Swan holds {} of the {} that --memory-budget leaves it. Allow more, "
         "make a smaller picture or clip or fewer at once, or compute with --device cpu.",
         name_, text(bytes), text(pool_->held_bytes()), text(pool_->limit_bytes()));
  size_t free = 0, total = 0;
  (void)cudaMemGetInfo(&free, &total);
  fail(ErrorCode::kOutOfMemory,
       "{}: {} of GPU memory were asked for; {} of {} are free, and Swan holds {}. Make a smaller picture or clip or "
       "fewer at once, close other programs that use the GPU, or compute with --device cpu.",
       name_, text(bytes), text(free), text(total), text(pool_->held_bytes()));
}

void CudaDevice::set_memory_limit(size_t bytes) {
  pool_->set_limit(bytes);
  if (bytes == 0) return;
  if (pool_->held_bytes() > bytes) {
    idle_replays().drop_all();
    pool_->trim();
  }
  while (pool_->held_bytes() > bytes && copies().drop_one()) pool_->trim();
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

std::unique_ptr<Mark> CudaDevice::mark() { return std::make_unique<Event>(stream_); }

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
  Graph(cudaGraphExec_t executable, cudaStream_t stream, std::shared_ptr<MemoryPool> pool, int owner,
        std::vector<Tensor> copies)
      : executable_(executable), stream_(stream), pool_(std::move(pool)), owner_(owner), copies_(std::move(copies)) {}
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  ~Graph() override {
    (void)cudaStreamSynchronize(stream_);
    (void)cudaGraphExecDestroy(executable_);
    pool_->release_private(owner_);
  }
  void launch() override { check(cudaGraphLaunch(executable_, stream_), "cudaGraphLaunch"); }
  [[nodiscard]] size_t bytes() const override { return pool_->private_bytes(owner_); }

 private:
  cudaGraphExec_t executable_;
  cudaStream_t stream_;
  std::shared_ptr<MemoryPool> pool_;
  int owner_;
  std::vector<Tensor> copies_;  // that its kernels read
};

// Work that is being captured; without finish(), nothing of it stays.
class Capture {
 public:
  Capture(cudaStream_t stream, MemoryPool& pool, DeviceCopies& copies, bool& recording)
      : stream_(stream), pool_(pool), copies_(copies), recording_(recording) {
    // Relaxed: the pool may ask the driver for memory meanwhile.
    check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeRelaxed), "cudaStreamBeginCapture");
    owner_ = pool_.begin_private();
    copies_.hold_used();
    recording_ = true;
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  ~Capture() {
    (void)end();
    if (graph_ != nullptr) (void)cudaGraphDestroy(graph_);
    if (!kept_) pool_.release_private(owner_);
    (void)cudaGetLastError();
  }
  // Null when the driver refuses.
  std::unique_ptr<Recording> finish(const std::shared_ptr<MemoryPool>& pool) {
    cudaGraphExec_t executable = nullptr;
    if (end() != cudaSuccess || cudaGraphInstantiate(&executable, graph_, 0) != cudaSuccess) return nullptr;
    kept_ = true;
    return std::make_unique<Graph>(executable, stream_, pool, owner_, std::move(used_));
  }

 private:
  cudaError_t end() {
    if (!recording_) return cudaSuccess;
    recording_ = false;
    used_ = copies_.release_held();
    pool_.end_private();
    return cudaStreamEndCapture(stream_, &graph_);
  }

  cudaStream_t stream_;
  MemoryPool& pool_;
  DeviceCopies& copies_;
  bool& recording_;
  int owner_ = 0;
  bool kept_ = false;
  cudaGraph_t graph_ = nullptr;
  std::vector<Tensor> used_;
};
}  // namespace

std::unique_ptr<Recording> CudaDevice::record(const std::function<void()>& work) {
  activate();
  Capture capture(stream_, *pool_, copies(), recording_);
  try {
    work();
    return capture.finish(pool_);
  } catch (const NotRecordable&) {
    return nullptr;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kOutOfMemory) throw;
    log(LogLevel::kDebug, "{}: there is no memory for a recording of the step; its parts are launched one by one.",
        name_);
    return nullptr;
  }
}

}  // namespace swan::backends::cuda

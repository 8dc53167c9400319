#pragma once

#include <cuda_runtime_api.h>

#include <memory>
#include <mutex>
#include <source_location>
#include <string>

#include "core/device.h"
#include "core/memory_pool.h"
#include "swan/tensor.h"

namespace swan::backends::cuda {

/// @throws Error kOutOfMemory, kUnsupported or kInternal naming the call and what the driver says
void check(cudaError_t status, const char* call, std::source_location where = std::source_location::current());

class CublasLt;
class Cudnn;

/// The first compute capability, as CudaDevice gives it, whose tensor cores multiply in e4m3.
inline constexpr int kF8Capability = 89;

/// One GPU: its stream, its memory, and the libraries' handles. Operations of all threads go into one stream.
class CudaDevice final : public Device {
 public:
  explicit CudaDevice(int ordinal);
  ~CudaDevice() override;

  [[nodiscard]] const std::string& name() const noexcept override { return name_; }
  void activate() override;
  [[nodiscard]] std::shared_ptr<void> allocate(size_t bytes) override;
  void upload(void* to, const void* from, size_t bytes) override;
  void download(void* to, const void* from, size_t bytes) override;
  void copy(void* to, const void* from, size_t bytes) override;
  void copy_rows(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t row_bytes,
                 size_t rows) override;
  void convert(const void* from, DType from_dtype, void* to, DType to_dtype, int64_t count) override;
  void synchronize() override;
  [[nodiscard]] std::unique_ptr<Mark> mark() override;
  [[nodiscard]] std::unique_ptr<Recording> record(const std::function<void()>& work) override;
  void trim() override { pool_->trim(); }
  void set_memory_limit(size_t bytes) override;
  [[nodiscard]] size_t peak_bytes() const override { return pool_->peak_bytes(); }
  void reset_peak() override { pool_->reset_peak(); }

  [[nodiscard]] cudaStream_t stream() const noexcept { return stream_; }
  [[nodiscard]] int multiprocessors() const noexcept { return multiprocessors_; }
  /// "NVIDIA H100 80GB HBM3, 9.0, 132 multiprocessors, driver for CUDA 13.0": all that compiled code depends on.
  [[nodiscard]] std::string description() const;
  /// 90 for 9.0
  [[nodiscard]] int compute_capability() const noexcept { return compute_capability_; }
  /// Handles, made at first use. @throws Error kUnsupported naming the library that is missing and how to get it
  [[nodiscard]] CublasLt& cublaslt();
  [[nodiscard]] Cudnn& cudnn();

 private:
  int ordinal_;
  std::string name_;
  int multiprocessors_ = 0, compute_capability_ = 0;
  cudaStream_t stream_ = nullptr;
  bool recording_ = false;
  std::shared_ptr<MemoryPool> pool_;
  struct Staging;
  std::unique_ptr<Staging> staging_;
  std::unique_ptr<CublasLt> cublaslt_;
  std::unique_ptr<Cudnn> cudnn_;
};

/// The device that the calling thread's operations run on: that of its latest activate().
[[nodiscard]] CudaDevice& current();

/// Uninitialised, on the current device.
[[nodiscard]] inline Tensor empty(const Shape& shape, DType dtype) { return Tensor::empty(shape, dtype, &current()); }
/// The tensor on the current device: itself when it is there, a constant's kept copy, else an upload.
[[nodiscard]] inline Tensor on_device(const Tensor& t) { return t.defined() ? t.on(&current()) : t; }
[[nodiscard]] inline Tensor on_device(const Tensor& t, DType dtype) {
  return t.defined() ? t.on(&current(), dtype) : t;
}
[[nodiscard]] inline cudaStream_t stream() { return current().stream(); }
/// For what is made once and kept: made while work is recorded it would hold nothing until the recording runs, yet be
/// taken for made. An upload, even of nothing, ends the recording.
inline void refuse_recording() {
  const char nothing = 0;
  current().upload(nullptr, &nothing, 0);
}
/// @throws Error kInvalidArgument: no operation computes with that dtype
[[noreturn]] void fail_dtype(DType dtype);
/// To be called after every kernel launch. @throws Error kInternal when it was refused
void check_launch(const char* kernel, std::source_location where = std::source_location::current());

}  // namespace swan::backends::cuda

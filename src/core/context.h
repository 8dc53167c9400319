#pragma once

#include <atomic>
#include <map>
#include <string>

#include "swan/tensor.h"

namespace swan {

namespace ops {
struct KernelTable;
}

/// What a forward pass carries: the backend's kernels, where and in which dtype it computes, the cancel flag, and
/// recorded activations. One per thread of work; not thread-safe.
class Context {
 public:
  /// On the host, in f32.
  explicit Context(const ops::KernelTable& kernels, const std::atomic<bool>* cancel = nullptr)
      : kernels_(&kernels), cancel_(cancel) {}
  /// @param dtype  of the activations inside networks: f32, bf16 or f16
  Context(const ops::KernelTable& kernels, Device* device, DType dtype, const std::atomic<bool>* cancel = nullptr)
      : kernels_(&kernels), device_(device), dtype_(dtype), cancel_(cancel) {}

  [[nodiscard]] const ops::KernelTable& kernels() const noexcept { return *kernels_; }
  [[nodiscard]] Device* device() const noexcept { return device_; }  ///< null: the host
  [[nodiscard]] DType dtype() const noexcept { return dtype_; }
  /// x where networks compute, in the dtype that they compute in.
  [[nodiscard]] Tensor to_compute(const Tensor& x) const { return x.defined() ? x.on(device_, dtype_) : x; }
  /// Bytes that networks may have in flight when they work band by band (models/banding.h).
  [[nodiscard]] int64_t band_bytes() const noexcept {
    return device_ == nullptr ? int64_t{64} << 20 : int64_t{1} << 30;
  }
  /// @throws Error kCancelled once the caller has asked to stop
  void check_cancelled() const;

  /// What depends on shapes alone, such as a table of positions: made once and kept as a constant under its key.
  template <typename Make>
  [[nodiscard]] Tensor constant(const std::string& key, const Make& make) {
    Tensor& kept = constants_[key];
    if (!kept.defined()) kept = make().constant();
    return kept;
  }

  /// The same for another dtype; constants are made anew.
  [[nodiscard]] Context with_dtype(DType dtype) const {
    Context made(*kernels_, device_, dtype, cancel_);
    made.f8_ = f8_;
    return made;
  }
  /// The same, in which the linear layers that a network marks as big (nn::Scope::f8) multiply in e4m3, or do not.
  [[nodiscard]] Context with_f8(bool on) const {
    Context made = with_dtype(dtype_);
    made.f8_ = on;
    return made;
  }
  [[nodiscard]] bool f8() const noexcept { return f8_; }

  /// Taps record activations by module path, as a PyTorch forward hook would see them: "transformer_blocks.0.attn1",
  /// and "path#1", "path#2" for further calls of the same module.
  void record_taps(bool on) { recording_ = on; }
  [[nodiscard]] bool recording() const noexcept { return recording_; }
  void tap(const std::string& path, const Tensor& value);
  [[nodiscard]] const std::map<std::string, Tensor>& taps() const noexcept { return taps_; }

 private:
  const ops::KernelTable* kernels_;
  Device* device_ = nullptr;
  DType dtype_ = DType::kF32;
  bool f8_ = false;
  const std::atomic<bool>* cancel_;
  std::map<std::string, Tensor> constants_;
  bool recording_ = false;
  std::map<std::string, Tensor> taps_;
};

}  // namespace swan

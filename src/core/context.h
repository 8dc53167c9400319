#pragma once

#include <atomic>
#include <map>
#include <string>

#include "swan/tensor.h"

namespace swan {

namespace ops {
struct KernelTable;
}

/// What a forward pass carries: the backend's kernels, the cancel flag, and recorded activations. One per thread of
/// work; not thread-safe.
class Context {
 public:
  explicit Context(const ops::KernelTable& kernels, const std::atomic<bool>* cancel = nullptr)
      : kernels_(&kernels), cancel_(cancel) {}

  [[nodiscard]] const ops::KernelTable& kernels() const noexcept { return *kernels_; }
  /// @throws Error kCancelled once the caller has asked to stop
  void check_cancelled() const;

  /// Taps record activations by module path, as a PyTorch forward hook would see them: "transformer_blocks.0.attn1",
  /// and "path#1", "path#2" for further calls of the same module.
  void record_taps(bool on) { recording_ = on; }
  [[nodiscard]] bool recording() const noexcept { return recording_; }
  void tap(const std::string& path, const Tensor& value);
  [[nodiscard]] const std::map<std::string, Tensor>& taps() const noexcept { return taps_; }

 private:
  const ops::KernelTable* kernels_;
  const std::atomic<bool>* cancel_;
  bool recording_ = false;
  std::map<std::string, Tensor> taps_;
};

}  // namespace swan

#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/context.h"
#include "core/device.h"

namespace swan {

/// Work that is done many times on tensors of the same shapes, such as a denoising step. On a device it is recorded
/// when it is done the second time and launched whole from then on; on the host it is simply called.
class Replay {
 public:
  explicit Replay(Context& ctx) : ctx_(ctx) {}

  using Work = std::function<Tensor(std::span<const Tensor>)>;
  /// @param inputs  on the context's device, of the same shapes and dtypes at every call
  /// @param work    the same at every call; reads nothing that changes but its inputs
  /// @return        a tensor of its own: what `work` returns
  [[nodiscard]] Tensor run(std::span<const Tensor> inputs, const Work& work);

 private:
  [[nodiscard]] bool begin(std::span<const Tensor> inputs, const Work& work);

  Context& ctx_;
  int calls_ = 0;
  bool hopeless_ = false;  // something in it cannot be recorded
  std::vector<Tensor> inputs_;
  std::unique_ptr<Recording> recording_;
  Tensor output_;  // after the recording, so that it goes first: its memory is the recording's
};

}  // namespace swan

#pragma once

#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "core/context.h"
#include "core/idle_replays.h"

namespace swan {

/// Work that is done many times on tensors of the same shapes, such as a denoising step. On a device it is recorded
/// once it is known to come again and launched whole from then on; on the host it is simply called.
class Replay {
 public:
  struct Options {
    /// Where recordings are kept for further runs; null: they end with this one.
    ReplayHome* home = nullptr;
    std::string work = {};  ///< with a home: which of its works this is, and all that it depends on besides shapes
    /// What is the same at every call of this run, but another in the next: it follows the inputs. On the context's
    /// device; some may be undefined. They are the recording's from then on, which a later run writes to: nobody else
    /// may need them after this run.
    std::vector<Tensor> constants = {};
    int calls = std::numeric_limits<int>::max();  ///< of this run; the last one alone is not worth a recording
  };
  explicit Replay(Context& ctx) : Replay(ctx, Options()) {}
  Replay(Context& ctx, Options options);
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;
  ~Replay();

  using Work = std::function<Tensor(std::span<const Tensor>)>;
  /// @param inputs  on the context's device, of the same shapes and dtypes at every call
  /// @param work    the same at every call, given the inputs and the constants; reads nothing else that changes
  /// @return        a tensor of its own: what `work` returns
  [[nodiscard]] Tensor run(std::span<const Tensor> inputs, const Work& work);

 private:
  [[nodiscard]] std::vector<Tensor> with_constants(std::span<const Tensor> inputs) const;
  void take_up(std::span<const Tensor> inputs);
  [[nodiscard]] bool record(std::span<const Tensor> inputs, const Work& work);

  Context& ctx_;
  Options options_;
  std::string key_;
  ReplayState state_;
  int calls_before_ = 0;   // in other runs
  int calls_ = 0;          // in this one
  bool hopeless_ = false;  // something in it cannot be recorded
};

}  // namespace swan

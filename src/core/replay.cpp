#include "core/replay.h"

#include "core/error.h"

namespace swan {

bool Replay::begin(std::span<const Tensor> inputs, const Work& work) {
  for (const Tensor& input : inputs) inputs_.push_back(input.clone());
  recording_ = ctx_.device()->record([&] { output_ = work(inputs_); });
  if (recording_) return true;
  hopeless_ = true;
  inputs_.clear();
  output_ = {};
  return false;
}

Tensor Replay::run(std::span<const Tensor> inputs, const Work& work) {
  if (ctx_.device() != nullptr) ctx_.device()->copies().begin_pass();
  if (ctx_.device() == nullptr || ctx_.recording() || hopeless_ || calls_++ == 0) return work(inputs);
  if (!recording_ && !begin(inputs, work)) return work(inputs);
  SWAN_ASSERT(inputs.size() == inputs_.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    SWAN_ASSERT(inputs[i].shape() == inputs_[i].shape() && inputs[i].dtype() == inputs_[i].dtype());
    copy_bytes(inputs_[i], 0, inputs[i], 0, static_cast<int64_t>(inputs[i].nbytes()));
  }
  recording_->launch();
  return output_.clone();
}

}  // namespace swan

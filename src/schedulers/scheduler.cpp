#include "schedulers/scheduler.h"

#include <algorithm>
#include <functional>

#include "core/error.h"

namespace swan::schedulers {

void Scheduler::set_timesteps(int num_inference_steps) {
  constexpr int kMost = 1000;
  if (num_inference_steps < 1 || num_inference_steps > kMost)
    fail(ErrorCode::kInvalidArgument, "num_inference_steps is {}; choose 1 to {} (20 is usual).", num_inference_steps,
         kMost);
  Schedule made = schedule(num_inference_steps);
  const auto twin = std::adjacent_find(made.sigmas.begin(), made.sigmas.end(), std::less_equal<>());
  if (twin != made.sigmas.end())
    fail(
        ErrorCode::kInvalidArgument,
        "{}: of {} steps, number {} and the next fall together at sigma {}; choose fewer steps or a shift nearer to 1.",
        name(), num_inference_steps, twin - made.sigmas.begin(), *twin);
  timesteps_ = std::move(made.timesteps);
  sigmas_ = std::move(made.sigmas);
  next_ = 0;
  reset();
}

Tensor Scheduler::step(const Tensor& model_output, int i, const Tensor& sample, const Tensor& noise, Context& ctx) {
  if (i != next_ || i >= static_cast<int>(timesteps_.size()))
    fail(ErrorCode::kInvalidArgument, "{}: step {} was asked where step {} of {} is due.", name(), i, next_,
         timesteps_.size());
  check_same_shape("scheduler step", "model_output", model_output.shape(), sample.shape());
  if (needs_noise()) {
    if (!noise.defined()) fail(ErrorCode::kInvalidArgument, "{}: step {} needs a draw of noise.", name(), i);
    check_same_shape("scheduler step", "noise", noise.shape(), sample.shape());
  }
  Tensor result = advance(model_output, i, sample, noise, ctx);
  ++next_;
  return result;
}

}  // namespace swan::schedulers

#include "schedulers/scheduler.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "ops/elementwise.h"

namespace swan::schedulers {

namespace {

constexpr int kMostSteps = 1000;

// @param most  the largest value that means something
void check_list(const std::string& solver, const char* what, const std::vector<double>& list, double most, int steps) {
  if (list.empty()) return;
  const auto size = static_cast<int>(list.size());
  if (size > kMostSteps)
    fail(ErrorCode::kInvalidArgument, "{} has {} values: 1 to {} are possible.", what, size, kMostSteps);
  if (size > 1 && list.back() == 0)
    fail(ErrorCode::kInvalidArgument, "{} ends with 0, where every run ends anyway; leave it out.", what);
  if (steps != 0 && steps != size)
    fail(ErrorCode::kInvalidArgument,
         "{} has {} values, but num_inference_steps is {}; leave that out, or give as many values.", what, size, steps);
  for (size_t i = 0; i < list.size(); ++i) {
    if (!(list[i] > 0 && list[i] <= most))
      fail(ErrorCode::kInvalidArgument, "{}: number {} of {} is {}; '{}' takes values above 0, up to {}.", what, i + 1,
           size, list[i], solver, most);
    if (i > 0 && !(list[i] < list[i - 1]))
      fail(ErrorCode::kInvalidArgument, "{}: number {} is {}, after {}; each must be below the one before it.", what,
           i + 1, list[i], list[i - 1]);
  }
}

}  // namespace

void Scheduler::set_timesteps(const TimestepChoice& choice) {
  TimestepChoice c = choice;
  if (!c.sigmas.empty() && !c.timesteps.empty())
    fail(ErrorCode::kInvalidArgument, "both sigmas and timesteps are given; give one of them.");
  if (!c.sigmas.empty() && lists() == Lists::kNone)
    fail(ErrorCode::kUnsupported, "'{}' takes no list of sigmas; leave it out, or choose another scheduler.", name());
  if (!c.timesteps.empty() && lists() != Lists::kBoth)
    fail(ErrorCode::kUnsupported, "'{}' takes no list of timesteps{}", name(),
         lists() == Lists::kSigmas ? "; give sigmas instead, timesteps / 1000 before the shift."
                                   : "; leave it out, or choose another scheduler.");
  check_list(name(), "sigmas", c.sigmas, 1, c.num_inference_steps);
  check_list(name(), "timesteps", c.timesteps, num_train_timesteps(), c.num_inference_steps);
  const size_t given = std::max(c.sigmas.size(), c.timesteps.size());
  if (given > 0) c.num_inference_steps = static_cast<int>(given);
  if (c.num_inference_steps < 1 || c.num_inference_steps > kMostSteps)
    fail(ErrorCode::kInvalidArgument, "num_inference_steps is {}; choose 1 to {} (20 is usual).", c.num_inference_steps,
         kMostSteps);

  Schedule made = schedule(c);
  const std::vector<float>& levels = made.levels.empty() ? made.sigmas : made.levels;
  const auto no_step = [](float a, float b) { return !(a > b); };  // nor is one from or to what is no number
  const auto twin = std::adjacent_find(levels.begin(), levels.end(), no_step);
  if (twin != levels.end())
    fail(
        ErrorCode::kInvalidArgument,
        "{}: of {} steps, number {} and the next fall together at sigma {}; choose fewer steps or a shift nearer to 1.",
        name(), c.num_inference_steps, twin - levels.begin(), *twin);
  timesteps_ = std::move(made.timesteps);
  sigmas_ = std::move(made.sigmas);
  begin_ = next_ = 0;
  reset();
}

void Scheduler::set_begin_index(int first) {
  if (first < 0 || first >= static_cast<int>(timesteps_.size()))
    fail(ErrorCode::kInvalidArgument, "{}: of {} steps {} are left out, so none is left.", name(), timesteps_.size(),
         first);
  begin_ = next_ = first;
  reset();
}

Tensor Scheduler::add_noise(const Tensor& latents, const Tensor& noise, int i, Context& ctx) const {
  const float sigma = sigmas_.at(static_cast<size_t>(i));
  return ops::linear_combination(std::array{1 - sigma, sigma}, std::array{latents, noise}, ctx);
}

Tensor Scheduler::predict_x0(const Tensor& model_output, int i, const Tensor& sample, Context& ctx) const {
  return ops::linear_combination(std::array{1.0F, -sigmas_.at(static_cast<size_t>(i))},
                                 std::array{sample, model_output}, ctx);
}

Tensor Scheduler::step(const Tensor& model_output, int i, const Tensor& sample, const Tensor& noise, Context& ctx) {
  if (i != next_ || i >= static_cast<int>(timesteps_.size()))
    fail(ErrorCode::kInvalidArgument, "{}: step {} was asked where step {} of {} is due.", name(), i, next_,
         timesteps_.size());
  check_same_shape("scheduler step", "model_output", model_output.shape(), sample.shape());
  if (step_needs_noise(i)) {
    if (!noise.defined()) fail(ErrorCode::kInvalidArgument, "{}: step {} needs a draw of noise.", name(), i);
    check_same_shape("scheduler step", "noise", noise.shape(), sample.shape());
  }
  Tensor result = advance(model_output, i, sample, noise, ctx);
  ++next_;
  return result;
}

}  // namespace swan::schedulers

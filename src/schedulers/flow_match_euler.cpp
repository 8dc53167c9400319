#include "schedulers/flow_match_euler.h"

#include <array>

#include "ops/elementwise.h"

namespace swan::schedulers {

namespace {
template <typename T>
T shifted(T shift, T sigma) {
  return shift * sigma / (1 + (shift - 1) * sigma);
}
}  // namespace

FlowMatchEulerOptions FlowMatchEulerOptions::read(ConfigReader& config) {
  FlowMatchEulerOptions o;
  o.num_train_timesteps = config.integer("num_train_timesteps", o.num_train_timesteps, 1, 1'000'000);
  o.shift = config.positive("shift", o.shift);
  for (const char* key : {"use_dynamic_shifting", "shift_terminal", "invert_sigmas", "use_karras_sigmas",
                          "use_exponential_sigmas", "use_beta_sigmas", "stochastic_sampling"})
    config.refuse(key);
  config.ignore({"base_shift", "max_shift", "base_image_seq_len", "max_image_seq_len", "time_shift_type"});
  return o;
}

nlohmann::json FlowMatchEuler::describe() const {
  return {{"_class_name", "FlowMatchEulerDiscreteScheduler"},
          {"shift", options_.shift},
          {"num_train_timesteps", options_.num_train_timesteps}};
}

// As in the reference: the ends of the training table are shifted in f32, evenly spaced points between them (in f64)
// are shifted again, and the result is kept in f32.
Scheduler::Schedule FlowMatchEuler::schedule(int num_inference_steps) const {
  const auto train = static_cast<float>(options_.num_train_timesteps);
  const auto shift = static_cast<float>(options_.shift);
  // Python's shift - 1 is f64, and only the result meets the f32 table.
  const auto shift_minus_one = static_cast<float>(options_.shift - 1);
  const auto end = [&](float t) { return shift * (t / train) / (1 + shift_minus_one * (t / train)); };
  const double first = static_cast<double>(end(train)) * options_.num_train_timesteps;
  const double last = static_cast<double>(end(1)) * options_.num_train_timesteps;

  Schedule s;
  for (int i = 0; i < num_inference_steps; ++i) {
    double t = first;
    if (i > 0) t = i == num_inference_steps - 1 ? last : first + i * ((last - first) / (num_inference_steps - 1));
    s.sigmas.push_back(static_cast<float>(shifted(options_.shift, t / options_.num_train_timesteps)));
    s.timesteps.push_back(s.sigmas.back() * train);
  }
  s.sigmas.push_back(0);
  return s;
}

Tensor FlowMatchEuler::advance(const Tensor& model_output, int i, const Tensor& sample, const Tensor& /*noise*/,
                               Context& ctx) {
  const auto at = static_cast<size_t>(i);
  return ops::linear_combination(std::array{1.0F, sigmas()[at + 1] - sigmas()[at]}, std::array{sample, model_output},
                                 ctx);
}

}  // namespace swan::schedulers

#include "schedulers/scm.h"

#include <array>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "ops/elementwise.h"

namespace swan::schedulers {

SCMOptions SCMOptions::read(ConfigReader& config) {
  SCMOptions o;
  (void)config.choice("prediction_type", "trigflow", {"trigflow"});
  o.num_train_timesteps = config.integer("num_train_timesteps", o.num_train_timesteps, 1, 1'000'000);
  o.sigma_data = config.positive("sigma_data", o.sigma_data);
  return o;
}

nlohmann::json SCM::describe() const {
  return {{"_class_name", "SCMScheduler"},
          {"prediction_type", "trigflow"},
          {"sigma_data", options_.sigma_data},
          {"num_train_timesteps", options_.num_train_timesteps}};
}

void SCM::set_timesteps(int num_inference_steps, const SCMTimesteps& angles) {
  angles_ = angles;
  Scheduler::set_timesteps(num_inference_steps);
}

Schedule SCM::schedule(const TimestepChoice& choice) const {
  constexpr double kMost = 1.57080;  // the reference's default; beyond pi / 2 there is no more noise to have
  const int n = choice.num_inference_steps;
  if (n > options_.num_train_timesteps)
    fail(ErrorCode::kInvalidArgument, "scm: {} steps, but the model was trained with {}; choose fewer.", n,
         options_.num_train_timesteps);
  if (!(angles_.max_timesteps > 0 && angles_.max_timesteps <= kMost))
    fail(ErrorCode::kInvalidArgument, "scm: max_timesteps is {}; choose an angle above 0, up to {}.",
         angles_.max_timesteps, kMost);
  const std::vector<double>& given = angles_.timesteps;
  if (!given.empty() && static_cast<int>(given.size()) != n)
    fail(ErrorCode::kInvalidArgument,
         "scm: timesteps has {} angles without the last, 0, for {} steps; give as many as there are steps.",
         given.size(), n);
  for (size_t i = 0; i < given.size(); ++i)
    if (!(given[i] > 0 && given[i] <= kMost && (i == 0 || given[i] < given[i - 1])))
      fail(ErrorCode::kInvalidArgument,
           "scm: number {} of timesteps is {}; they are angles that descend from at most {} to 0.", i + 1, given[i],
           kMost);
  if (const auto& t = angles_.intermediate_timesteps; t && given.empty()) {
    if (n != 2)
      fail(ErrorCode::kInvalidArgument,
           "scm: intermediate_timesteps is {}, but there are {} steps; it is the second of two. Leave it out.", *t, n);
    if (!(*t > 0 && *t < angles_.max_timesteps))
      fail(ErrorCode::kInvalidArgument,
           "scm: intermediate_timesteps is {}; choose an angle above 0 and below max_timesteps, {}.", *t,
           angles_.max_timesteps);
  }
  if (angles_.begin_index < 0 || angles_.begin_index >= n)
    fail(ErrorCode::kInvalidArgument, "scm: of {} steps {} are left out, so none is left.", n, angles_.begin_index);

  // As torch.linspace has it: in f32, from the nearer end.
  const auto first = static_cast<float>(angles_.max_timesteps);
  const float step = -first / static_cast<float>(n);
  const auto evenly = [&](int i) {
    return i < (n + 1) / 2 ? first + step * static_cast<float>(i) : -step * static_cast<float>(n - i);
  };
  Schedule s;
  for (int i = angles_.begin_index; i < n; ++i) {
    if (!given.empty()) {
      s.timesteps.push_back(static_cast<float>(given[static_cast<size_t>(i)]));
    } else {
      const bool intermediate = angles_.intermediate_timesteps && i == 1;
      s.timesteps.push_back(intermediate ? static_cast<float>(*angles_.intermediate_timesteps) : evenly(i));
    }
    const float sine = std::sin(s.timesteps.back());
    s.sigmas.push_back(sine / (std::cos(s.timesteps.back()) + sine));
  }
  s.sigmas.push_back(0);
  return s;
}

Tensor SCM::predict_x0(const Tensor& model_output, int i, const Tensor& sample, Context& ctx) const {
  const float s = timesteps().at(static_cast<size_t>(i));
  return ops::linear_combination(std::array{std::cos(s), -std::sin(s)}, std::array{sample, model_output}, ctx);
}

Tensor SCM::advance(const Tensor& model_output, int i, const Tensor& sample, const Tensor& noise, Context& ctx) {
  Tensor pred_x0 = predict_x0(model_output, i, sample, ctx);
  if (!step_needs_noise(i)) return pred_x0;
  const float t = timesteps()[static_cast<size_t>(i) + 1];
  return ops::linear_combination(std::array{std::cos(t), std::sin(t) * static_cast<float>(options_.sigma_data)},
                                 std::array{pred_x0, noise}, ctx);
}

}  // namespace swan::schedulers

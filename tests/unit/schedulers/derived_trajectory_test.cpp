// Trajectories of tools/golden/scheduler_trajectories.py: what the reference does where the fixtures have nothing.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/context.h"
#include "reference/kernels.h"
#include "schedulers/dmd.h"
#include "schedulers/scheduler.h"
#include "support/close.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "unit/schedulers/synthetic_model.h"

namespace swan::schedulers {
namespace {

using support::close;

const nlohmann::json& derived() {
  static const nlohmann::json all = support::read_json(support::golden_path("derived/schedulers.json"));
  return all;
}

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& [name, unused] : derived().at("cases").items()) names.push_back(name);
  return names;
}

Tensor sample_of(const nlohmann::json& values) {
  const auto dims = derived().at("shape").get<std::vector<int64_t>>();
  return Tensor::from(values.get<std::vector<float>>(), Shape(std::span<const int64_t>(dims)));
}

std::unique_ptr<Scheduler> scheduler_of(const nlohmann::json& c) {
  nlohmann::json config = c.at("config");
  const nlohmann::json& arguments = c.at("set_timesteps");
  if (c.at("class") == "DMD") return std::make_unique<DMD>(DMDOptions{.shift = config.at("shift")});
  config["_class_name"] = c.at("class");
  // The pipelines' way to say mu: the shift that it stands for.
  std::optional<double> shift;
  if (arguments.contains("mu")) {
    const double mu = arguments.at("mu");
    shift = config.value("time_shift_type", "exponential") == "linear" ? mu : std::exp(mu);
  }
  const support::TempDir dir;
  return make_scheduler(dir.write("scheduler_config.json", config.dump()), "", shift);
}

class DerivedTrajectory : public ::testing::TestWithParam<std::string> {};

TEST_P(DerivedTrajectory, MatchesTheReference) {
  const nlohmann::json& c = derived().at("cases").at(GetParam());
  const auto scheduler = scheduler_of(c);
  TimestepChoice choice;
  choice.num_inference_steps = c.at("set_timesteps").value("num_inference_steps", 0);
  choice.sigmas = c.at("set_timesteps").value("sigmas", std::vector<double>());
  choice.timesteps = c.at("set_timesteps").value("timesteps", std::vector<double>());
  Context ctx(backends::reference_kernels());

  scheduler->set_timesteps(choice);
  const auto timesteps = c.at("timesteps").get<std::vector<float>>();
  const auto sigmas = c.at("sigmas").get<std::vector<float>>();
  ASSERT_EQ(scheduler->timesteps().size(), timesteps.size());
  ASSERT_EQ(scheduler->sigmas().size(), sigmas.size());
  for (size_t i = 0; i < sigmas.size(); ++i) EXPECT_NEAR(scheduler->sigmas()[i], sigmas[i], 1e-7) << i;
  for (size_t i = 0; i < timesteps.size(); ++i) EXPECT_NEAR(scheduler->timesteps()[i], timesteps[i], 1e-4) << i;

  const nlohmann::json& trajectory = c.at("trajectory");
  const int count = static_cast<int>(trajectory.size());
  ASSERT_EQ(count, static_cast<int>(timesteps.size()));
  Tensor start = sample_of(derived().at("x_init"));
  for (int64_t i = 0; i < start.numel(); ++i) start.data_mut<float>()[i] *= scheduler->init_noise_sigma();
  const auto step = [&](int i, const Tensor& x) {
    Tensor noise;
    if (scheduler->needs_noise()) noise = sample_of(derived().at("noise").at(static_cast<size_t>(i)));
    return scheduler->step(synthetic_model(x, scheduler->timesteps()[static_cast<size_t>(i)]), i, x, noise, ctx);
  };
  // Each step from where the reference stands, and the whole way on its own.
  for (int i = 0; i < count; ++i) {
    const Tensor x = i == 0 ? start : sample_of(trajectory.at(static_cast<size_t>(i) - 1));
    EXPECT_TRUE(close(step(i, x), sample_of(trajectory.at(static_cast<size_t>(i))), 2e-6)) << "step " << i;
  }
  scheduler->set_timesteps(choice);
  Tensor x = start;
  for (int i = 0; i < count; ++i) {
    x = step(i, x);
    EXPECT_TRUE(close(x, sample_of(trajectory.at(static_cast<size_t>(i))), 4e-6)) << "on its own, step " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Derived, DerivedTrajectory, ::testing::ValuesIn(case_names()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace swan::schedulers

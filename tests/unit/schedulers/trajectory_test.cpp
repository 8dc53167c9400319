// Whole trajectories against diffusers, with the synthetic model of tests/golden/README.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "core/context.h"
#include "reference/kernels.h"
#include "schedulers/scheduler.h"
#include "schedulers/scm.h"
#include "support/close.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "unit/schedulers/synthetic_model.h"

namespace swan::schedulers {
namespace {

using support::close;
using support::golden_path;

std::vector<std::string> golden_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(golden_path("schedulers")))
    if (entry.path().extension() == ".json" && entry.path().stem() != "scm_sprint")
      names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

class GoldenTrajectory : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenTrajectory, MatchesDiffusers) {
  const nlohmann::json description = support::read_json(golden_path("schedulers/" + GetParam() + ".json"));
  const support::GoldenTensors golden(golden_path("schedulers/" + GetParam() + ".safetensors"));
  nlohmann::json config = description.at("config");
  config["_class_name"] = description.at("class");
  const support::TempDir dir;
  const auto scheduler = make_scheduler(dir.write("scheduler_config.json", config.dump()));
  Context ctx(backends::reference_kernels());

  int compared = 0;
  for (const auto& [steps, unused] : description.at("steps").items()) {
    const std::string prefix = "steps_" + steps + ".";
    scheduler->set_timesteps(std::stoi(steps));
    const int count = static_cast<int>(scheduler->timesteps().size());
    ASSERT_TRUE(support::identical(Tensor::from(scheduler->timesteps(), {count}),
                                   golden.tensor(prefix + "timesteps").to(DType::kF32)))
        << prefix;
    ASSERT_EQ(static_cast<int>(scheduler->sigmas().size()), count + 1);
    for (int i = 0; i <= count; ++i)
      EXPECT_NEAR(scheduler->sigmas()[static_cast<size_t>(i)], golden.tensor(prefix + "sigmas").data<float>()[i], 1e-7)
          << prefix << i;

    const Tensor start = golden.tensor(prefix + "x_init");
    const auto expected = [&](int i) {
      return golden.tensor(prefix + "trajectory").slice(i, i + 1).reshape(start.shape());
    };
    const auto step = [&](int i, const Tensor& x) {
      Tensor noise;
      if (scheduler->needs_noise()) noise = golden.tensor(prefix + "noise").slice(i, i + 1).reshape(x.shape());
      return scheduler->step(synthetic_model(x, scheduler->timesteps()[static_cast<size_t>(i)]), i, x, noise, ctx);
    };

    // Each step from where the reference stands.
    for (int i = 0; i < count; ++i) {
      EXPECT_TRUE(close(step(i, i == 0 ? start : expected(i - 1)), expected(i), 2e-6)) << prefix << " step " << i;
      ++compared;
    }
    // The whole way on its own: rounding, also that of the synthetic network, adds up over as many as 50 steps.
    scheduler->set_timesteps(std::stoi(steps));
    Tensor x = start;
    for (int i = 0; i < count; ++i) {
      x = step(i, x);
      EXPECT_TRUE(close(x, expected(i), 4e-6)) << prefix << " on its own, step " << i;
    }
  }
  EXPECT_GE(compared, 35);  // 1, 2, 4, 8 and 20 steps
}

INSTANTIATE_TEST_SUITE_P(Golden, GoldenTrajectory, ::testing::ValuesIn(golden_names()),
                         [](const auto& info) { return info.param; });

// Its points in time are not those of a flow, and two steps have an angle of their own.
TEST(SCMTrajectory, MatchesDiffusers) {
  const nlohmann::json description = support::read_json(golden_path("schedulers/scm_sprint.json"));
  const support::GoldenTensors golden(golden_path("schedulers/scm_sprint.safetensors"));
  nlohmann::json config = description.at("config");
  config["_class_name"] = description.at("class");
  const support::TempDir dir;
  SCM scheduler(read_scm_options(dir.write("scheduler_config.json", config.dump())));
  Context ctx(backends::reference_kernels());

  int compared = 0;
  for (const auto& [steps, unused] : description.at("steps").items()) {
    const std::string prefix = "steps_" + steps + ".";
    const int count = std::stoi(steps);
    SCMTimesteps angles;
    if (count != 2) angles.intermediate_timesteps.reset();
    scheduler.set_timesteps(count, angles);
    std::vector<float> timesteps = scheduler.timesteps();
    timesteps.push_back(0);
    EXPECT_TRUE(close(Tensor::from(timesteps, {count + 1}), golden.tensor(prefix + "timesteps").to(DType::kF32), 1e-7))
        << prefix;
    Tensor x = golden.tensor(prefix + "x_init");
    for (int i = 0; i < count; ++i) {
      const Tensor noise = golden.tensor(prefix + "noise").slice(i, i + 1).reshape(x.shape());
      const Tensor v = synthetic_model(x, scheduler.timesteps()[static_cast<size_t>(i)]);
      x = scheduler.step(v, i, x, noise, ctx);
      EXPECT_TRUE(close(x, golden.tensor(prefix + "trajectory").slice(i, i + 1).reshape(x.shape()), 2e-6))
          << prefix << " step " << i;
      ++compared;
    }
    EXPECT_TRUE(close(x, golden.tensor(prefix + "pred_x0").slice(count - 1, count).reshape(x.shape()), 2e-6)) << prefix;
  }
  EXPECT_EQ(compared, 1 + 2 + 4 + 8 + 20);
}

// diffusers 0.42.1: UniPCMultistepScheduler(use_flow_sigmas=True, prediction_type="flow_prediction", flow_shift=3.0,
// solver_order=3, disable_corrector=[0, 2]) from x = [-1.5, -0.25, 0.5, 2.0] with the synthetic model, in f32.
TEST(Trajectory, LeavesOutTheCorrectorWhereTold) {
  const std::vector<std::vector<float>> expected = {{-1.45742953F, -0.245421782F, 0.472763896F, 1.93849206F},
                                                    {-1.40318346F, -0.239278927F, 0.439695269F, 1.86075771F},
                                                    {-1.33237255F, -0.230375171F, 0.401046276F, 1.76115537F},
                                                    {-1.23544395F, -0.217143968F, 0.35294804F, 1.62721741F},
                                                    {-1.09515119F, -0.195798859F, 0.292717606F, 1.43841541F},
                                                    {-0.866541386F, -0.1586826F, 0.202500194F, 1.13651156F}};
  const support::TempDir dir;
  const nlohmann::json config = {{"_class_name", "UniPCMultistepScheduler"},
                                 {"use_flow_sigmas", true},
                                 {"prediction_type", "flow_prediction"},
                                 {"flow_shift", 3.0},
                                 {"solver_order", 3},
                                 {"disable_corrector", {0, 2}}};
  const auto scheduler = make_scheduler(dir.write("scheduler_config.json", config.dump()));
  scheduler->set_timesteps(static_cast<int>(expected.size()));
  Context ctx(backends::reference_kernels());
  const Shape shape = {1, 1, 2, 2};
  Tensor x = Tensor::from(std::vector<float>{-1.5F, -0.25F, 0.5F, 2.0F}, shape);
  for (size_t i = 0; i < expected.size(); ++i) {
    x = scheduler->step(synthetic_model(x, scheduler->timesteps()[i]), static_cast<int>(i), x, {}, ctx);
    EXPECT_TRUE(close(x, Tensor::from(expected[i], shape), 4e-6)) << i;
  }
}

}  // namespace
}  // namespace swan::schedulers

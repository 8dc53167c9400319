// Whole trajectories against diffusers, with the synthetic model of tests/golden/README.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "core/context.h"
#include "reference/kernels.h"
#include "schedulers/scheduler.h"
#include "support/close.h"
#include "support/golden.h"
#include "support/temp_dir.h"

namespace swan::schedulers {
namespace {

using support::close;
using support::golden_path;

// v(x, t) = tanh(0.7 x) + 0.1 t / 1000
Tensor synthetic_model(const Tensor& x, float timestep) {
  Tensor v = Tensor::empty(x.shape(), DType::kF32);
  const auto constant = static_cast<float>(0.1 * static_cast<double>(timestep) / 1000);
  for (int64_t i = 0; i < x.numel(); ++i) v.data_mut<float>()[i] = std::tanh(0.7F * x.data<float>()[i]) + constant;
  return v;
}

std::vector<std::string> golden_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(golden_path("schedulers")))
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

class Trajectory : public ::testing::TestWithParam<std::string> {};

TEST_P(Trajectory, MatchesDiffusers) {
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

INSTANTIATE_TEST_SUITE_P(Golden, Trajectory, ::testing::ValuesIn(golden_names()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace swan::schedulers

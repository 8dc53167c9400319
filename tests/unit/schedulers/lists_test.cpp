// Points in time that are given, rather than the solver's own.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/context.h"
#include "reference/kernels.h"
#include "schedulers/scheduler.h"
#include "schedulers/scm.h"
#include "schedulers/sigma_schedules.h"
#include "support/close.h"
#include "support/expect_error.h"
#include "support/golden.h"
#include "swan/pipeline.h"

namespace swan::schedulers {
namespace {

std::unique_ptr<Scheduler> solver(const std::string& name, double shift = 1) {
  return make_scheduler(support::golden_path("models/sana/scheduler/scheduler_config.json"), name, shift);
}

TEST(Lists, EverySolverSaysWhichItTakes) {
  for (const auto& [name, description] : scheduler_names()) {
    if (name == "scm") continue;
    const auto scheduler = solver(name);
    const auto sigmas = [&] { scheduler->set_timesteps(TimestepChoice{.sigmas = {0.9, 0.5, 0.1}}); };
    const auto timesteps = [&] { scheduler->set_timesteps(TimestepChoice{.timesteps = {900, 500, 100}}); };
    if (scheduler->lists() == Scheduler::Lists::kNone) {
      expect_error(ErrorCode::kUnsupported, {name, "no list of sigmas"}, sigmas);
    } else {
      sigmas();
      EXPECT_EQ(scheduler->sigmas(), (std::vector<float>{0.9F, 0.5F, 0.1F, 0})) << name;
      EXPECT_EQ(scheduler->timesteps().size(), 3U) << name;
    }
    if (scheduler->lists() == Scheduler::Lists::kBoth) {
      timesteps();
      EXPECT_EQ(scheduler->timesteps(), (std::vector<float>{900, 500, 100})) << name;
    } else {
      expect_error(ErrorCode::kUnsupported, {name, "no list of timesteps"}, timesteps);
    }
  }
  EXPECT_EQ(solver("flow-heun")->lists(), Scheduler::Lists::kNone);
  EXPECT_EQ(solver("dpmsolver++")->lists(), Scheduler::Lists::kSigmas);
  EXPECT_EQ(solver("dmd")->lists(), Scheduler::Lists::kBoth);
}

// A DPM-Solver given the levels of its own schedule, before the shift, goes the same way: the reference has no lists
// there to compare with.
TEST(Lists, OwnLevelsGivenBackAreTheOwnSchedule) {
  for (const char* name : {"dpmsolver++", "sde-dpmsolver++3s", "unipc", "dmd"}) {
    const auto plain = solver(name, 1), scheduler = solver(name, 4);
    plain->set_timesteps(5);
    scheduler->set_timesteps(5);
    const std::vector<float> own = scheduler->sigmas();
    std::vector<double> levels(plain->sigmas().begin(), plain->sigmas().end() - 1);
    scheduler->set_timesteps(TimestepChoice{.num_inference_steps = 5, .sigmas = levels});
    for (size_t i = 0; i < own.size(); ++i) EXPECT_NEAR(scheduler->sigmas()[i], own[i], 3e-7) << name << i;
  }
}

TEST(Lists, NoiseAloneIsAPlaceToStart) {
  Context ctx(backends::reference_kernels());
  for (const char* name : {"dpmsolver++", "dpmsolver++3m", "dpmsolver++3s", "sde-dpmsolver++", "sde-dpmsolver++3m",
                           "sde-dpmsolver++3s", "unipc"}) {
    const auto scheduler = solver(name, 3);
    scheduler->set_timesteps(TimestepChoice{.sigmas = {1.0, 0.8, 0.6, 0.4, 0.2}});
    EXPECT_LT(scheduler->sigmas()[0], 1) << name;
    EXPECT_EQ(scheduler->timesteps()[0], 999) << name;
    Tensor x = Tensor::full({1, 1, 2, 2}, 0.5F);
    for (int i = 0; i < 5; ++i) {
      x = scheduler->step(x, i, x, x, ctx);
      EXPECT_TRUE(std::isfinite(x.data<float>()[0])) << name << " step " << i;
    }
  }
}

TEST(Lists, RefusesWhatIsNoSchedule) {
  const auto refused = [](const TimestepChoice& choice, const std::vector<std::string>& parts) {
    const auto scheduler = solver("flow-euler");
    expect_error(ErrorCode::kInvalidArgument, parts, [&] { scheduler->set_timesteps(choice); });
  };
  refused({.sigmas = {1, 0.5}, .timesteps = {1000, 500}}, {"both sigmas and timesteps"});
  refused({.num_inference_steps = 3, .sigmas = {1, 0.5}}, {"sigmas has 2 values", "num_inference_steps is 3"});
  refused({.num_inference_steps = 1, .timesteps = {1000, 500}}, {"timesteps has 2 values", "num_inference_steps is 1"});
  refused({.sigmas = {1, 0.5, 0}}, {"ends with 0", "leave it out"});
  refused({.sigmas = {0}}, {"number 1 of 1 is 0", "above 0, up to 1"});
  refused({.sigmas = {1.5, 0.5}}, {"number 1 of 2 is 1.5", "up to 1"});
  refused({.timesteps = {1001, 0.5}}, {"number 1 of 2 is 1001", "up to 1000"});
  refused({.sigmas = {0.5, -0.1}}, {"number 2 of 2 is -0.1"});
  refused({.sigmas = {0.5, static_cast<double>(NAN)}}, {"number 2 of 2 is nan"});
  refused({.sigmas = {0.5, 0.5}}, {"number 2 is 0.5, after 0.5", "below"});
  refused({.timesteps = {500, 600}}, {"number 2 is 600, after 500"});
  refused({.sigmas = std::vector<double>(1001, 0.5)}, {"1001 values", "1 to 1000"});
  refused({}, {"num_inference_steps is 0"});
  const auto karras = make_scheduler(support::golden_path("models/sana/scheduler/scheduler_config.json"), "unipc",
                                     std::nullopt, "karras");
  expect_error(ErrorCode::kUnsupported, {"Karras", "'simple'"}, [&] {
    karras->set_timesteps(TimestepChoice{.sigmas = {1, 0.5}});
  });
}

// Two points of the training table, of which one is nearer; the network sees what was asked for.
TEST(Lists, DMDTakesTheNoiseOfTheNearestPoint) {
  const auto scheduler = solver("dmd", 8);
  scheduler->set_timesteps(TimestepChoice{.timesteps = {1000, 757, 522}});
  EXPECT_EQ(scheduler->timesteps(), (std::vector<float>{1000, 757, 522}));
  EXPECT_NEAR(scheduler->sigmas()[1], 8 * 0.28 / (1 + 7 * 0.28), 1e-7);
  EXPECT_NEAR(scheduler->sigmas()[2], 8 * 0.12 / (1 + 7 * 0.12), 1e-7);
  EXPECT_EQ(scheduler->init_noise_sigma(), 1);
  scheduler->set_timesteps(TimestepChoice{.sigmas = {0.5}});
  EXPECT_FLOAT_EQ(scheduler->init_noise_sigma(), 8 * 0.5F / (1 + 7 * 0.5F));
}

TEST(Lists, ScmTakesAngles) {
  SCM scheduler({});
  scheduler.set_timesteps(3, {.timesteps = {1.5, 1.0, 0.5}});
  EXPECT_EQ(scheduler.timesteps(), (std::vector<float>{1.5F, 1.0F, 0.5F}));
  EXPECT_EQ(scheduler.sigmas().size(), 4U);
  const auto refused = [&](int steps, const std::vector<double>& angles, const std::vector<std::string>& parts) {
    expect_error(ErrorCode::kInvalidArgument, parts, [&] { scheduler.set_timesteps(steps, {.timesteps = angles}); });
  };
  refused(2, {1.5}, {"1 angles", "2 steps"});
  refused(2, {1.5, 1.6}, {"number 2 of timesteps is 1.6"});
  refused(1, {1.6}, {"number 1 of timesteps is 1.6", "1.5708"});
  refused(2, {1.5, 0}, {"number 2 of timesteps is 0"});
}

// scipy.stats.beta.ppf(p, 0.6, 0.6) of scipy 1.17.1
TEST(SigmaSchedules, TheBetaDistributionsQuantiles) {
  const std::vector<double> sigmas = spread_sigmas(SigmaSchedule::kBeta, 1, 0, 11);
  const std::array expected = {1.0,
                               0.9604155944112192,
                               0.8770782495416671,
                               0.7659829961247643,
                               0.6372990092467856,
                               0.5000000000000001,
                               0.36270099075321405,
                               0.23401700387523564,
                               0.12292175045833284,
                               0.03958440558878084,
                               0.0};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(sigmas[i], expected[i], 1e-14) << i;
}

}  // namespace
}  // namespace swan::schedulers

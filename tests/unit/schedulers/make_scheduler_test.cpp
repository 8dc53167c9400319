#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>

#include "core/context.h"
#include "reference/kernels.h"
#include "schedulers/scheduler.h"
#include "support/close.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "swan/error.h"
#include "swan/log.h"
#include "swan/pipeline.h"

namespace swan::schedulers {
namespace {

using support::golden_path;
using support::TempDir;

const std::string& dpm_repository() {
  static const std::string path = golden_path("models/sana/scheduler/scheduler_config.json");
  return path;
}
const std::string& euler_repository() {
  static const std::string path = golden_path("models/sana_bf16_euler/scheduler/scheduler_config.json");
  return path;
}

// Expects that `fn` throws an Error of this code whose message has each of the parts.
template <typename Fn>
void expect_error(ErrorCode code, std::initializer_list<const char*> parts, const Fn& fn) {
  try {
    fn();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    for (const char* part : parts) EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

void expect_refused(const nlohmann::json& config, ErrorCode code, std::initializer_list<const char*> parts) {
  const TempDir dir;
  const std::string path = dir.write("scheduler_config.json", config.dump());
  expect_error(code, parts, [&] { (void)make_scheduler(path); });
}

nlohmann::json dpm_config() {
  return {{"_class_name", "DPMSolverMultistepScheduler"},
          {"use_flow_sigmas", true},
          {"prediction_type", "flow_prediction"},
          {"flow_shift", 3.0}};
}

TEST(MakeScheduler, FollowsTheRepository) {
  EXPECT_EQ(make_scheduler(dpm_repository())->name(), "dpmsolver++");  // the file has a -Infinity
  EXPECT_EQ(make_scheduler(euler_repository())->name(), "flow-euler");
}

TEST(MakeScheduler, EveryNameWorksForEveryRepositoryAndNamesItself) {
  for (const auto& [name, description] : scheduler_names()) {
    EXPECT_FALSE(description.empty());
    for (const std::string& path : {dpm_repository(), euler_repository()}) {
      const auto scheduler = make_scheduler(path, name);
      EXPECT_EQ(scheduler->name(), name);
      scheduler->set_timesteps(4);
      EXPECT_EQ(scheduler->timesteps().size(), 4U);
    }
  }
}

TEST(MakeScheduler, KeepsTheShift) {
  EXPECT_EQ(make_scheduler(dpm_repository(), "flow-euler")->describe().at("shift"), 3.0);
  EXPECT_EQ(make_scheduler(euler_repository(), "sde-dpmsolver++")->describe().at("flow_shift"), 3.0);
}

TEST(MakeScheduler, AnotherAlgorithmKeepsTheRepositorysOrder) {
  const TempDir dir;
  nlohmann::json config = dpm_config();
  config["solver_order"] = 3;
  config["lower_order_final"] = false;
  const nlohmann::json described = make_scheduler(dir.write("c.json", config.dump()), "sde-dpmsolver++")->describe();
  EXPECT_EQ(described.at("algorithm_type"), "sde-dpmsolver++");
  EXPECT_EQ(described.at("solver_order"), 3);
  EXPECT_EQ(described.at("lower_order_final"), false);
}

TEST(MakeScheduler, ItsDescriptionMakesTheSameScheduler) {
  const TempDir dir;
  nlohmann::json config = dpm_config();
  config["solver_type"] = "heun";
  config["algorithm_type"] = "sde-dpmsolver++";
  config["euler_at_final"] = true;
  const nlohmann::json described = make_scheduler(dir.write("a.json", config.dump()))->describe();
  EXPECT_EQ(make_scheduler(dir.write("b.json", described.dump()))->describe(), described);
  EXPECT_EQ(described.at("solver_type"), "heun");
  const nlohmann::json euler = make_scheduler(euler_repository())->describe();
  EXPECT_EQ(make_scheduler(dir.write("c.json", euler.dump()))->describe(), euler);
}

TEST(MakeScheduler, RefusesEachOptionItLacksByNameAndValue) {
  for (const char* key : {"thresholding", "use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas",
                          "use_lu_lambdas", "use_dynamic_shifting"}) {
    nlohmann::json config = dpm_config();
    config[key] = true;
    expect_refused(config, ErrorCode::kUnsupported, {key, "true"});
    config[key] = false;
    const TempDir dir;
    EXPECT_NO_THROW((void)make_scheduler(dir.write("c.json", config.dump()))) << key;
  }
  for (const char* key : {"use_dynamic_shifting", "invert_sigmas", "use_karras_sigmas", "use_exponential_sigmas",
                          "use_beta_sigmas", "stochastic_sampling"})
    expect_refused({{"_class_name", "FlowMatchEulerDiscreteScheduler"}, {key, true}}, ErrorCode::kUnsupported,
                   {key, "true"});
  expect_refused({{"_class_name", "FlowMatchEulerDiscreteScheduler"}, {"shift_terminal", 0.1}}, ErrorCode::kUnsupported,
                 {"shift_terminal", "0.1"});
  const std::array<std::array<const char*, 2>, 5> strings = {{{"algorithm_type", "dpmsolver"},
                                                              {"solver_type", "bh2"},
                                                              {"prediction_type", "epsilon"},
                                                              {"final_sigmas_type", "sigma_min"},
                                                              {"algorithm_type", "deis"}}};
  for (const auto& [key, value] : strings) {
    nlohmann::json config = dpm_config();
    config[key] = value;
    expect_refused(config, ErrorCode::kUnsupported, {key, value});
  }
  nlohmann::json config = dpm_config();
  config.erase("use_flow_sigmas");
  expect_refused(config, ErrorCode::kUnsupported, {"use_flow_sigmas"});
  config = dpm_config();
  config.erase("prediction_type");
  expect_refused(config, ErrorCode::kUnsupported, {"prediction_type", "epsilon"});
}

TEST(MakeScheduler, RefusesAnUnknownClassAndWhatIsNoFlow) {
  expect_refused({{"_class_name", "SCMScheduler"}}, ErrorCode::kUnsupported, {"SCMScheduler", "flow-euler"});
  const TempDir dir;
  const std::string scm = dir.write("scm.json", R"({"_class_name": "SCMScheduler", "prediction_type": "trigflow"})");
  expect_error(ErrorCode::kUnsupported, {"SCMScheduler", "shift"}, [&] { (void)make_scheduler(scm, "flow-euler"); });
  const std::string lcm = dir.write("lcm.json", R"({"_class_name": "FlowMatchLCMScheduler", "shift": 2.5})");
  EXPECT_EQ(make_scheduler(lcm, "dpmsolver++")->describe().at("flow_shift"), 2.5);
}

TEST(MakeScheduler, RefusesDamagedFiles) {
  expect_refused(nlohmann::json::array(), ErrorCode::kCorruptFile, {"scheduler_config.json"});
  expect_refused(nlohmann::json::object(), ErrorCode::kCorruptFile, {"_class_name"});
  const std::array<std::pair<const char*, nlohmann::json>, 9> wrong = {{{"flow_shift", "3"},
                                                                        {"flow_shift", 0},
                                                                        {"flow_shift", -1.5},
                                                                        {"solver_order", 0},
                                                                        {"solver_order", 4},
                                                                        {"solver_order", 2.5},
                                                                        {"num_train_timesteps", 1e300},
                                                                        {"lower_order_final", "yes"},
                                                                        {"algorithm_type", 7}}};
  for (const auto& [key, value] : wrong) {
    nlohmann::json config = dpm_config();
    config[key] = value;
    expect_refused(config, ErrorCode::kCorruptFile, {key, "scheduler_config.json"});
  }
  expect_error(ErrorCode::kNotFound, {"/nowhere/scheduler_config.json"},
               [] { (void)make_scheduler("/nowhere/scheduler_config.json"); });
  expect_error(ErrorCode::kInvalidArgument, {"'euler'", "flow-euler"},
               [] { (void)make_scheduler(dpm_repository(), "euler"); });
}

TEST(MakeScheduler, ReportsUnknownOptions) {
  const TempDir dir;
  nlohmann::json config = dpm_config();
  config["use_telepathy"] = true;
  std::string logged;
  set_log_sink([&](LogLevel level, const std::string& message) {
    EXPECT_EQ(level, LogLevel::kWarning);
    logged += message;
  });
  (void)make_scheduler(dpm_repository());
  (void)make_scheduler(euler_repository());
  EXPECT_EQ(logged, "");
  (void)make_scheduler(dir.write("c.json", config.dump()));
  set_log_sink({});
  EXPECT_NE(logged.find("use_telepathy"), std::string::npos) << logged;
}

TEST(Scheduler, BoundsTheNumberOfSteps) {
  const auto scheduler = make_scheduler(dpm_repository());
  for (const int n : {-1, 0, 1001})
    expect_error(ErrorCode::kInvalidArgument, {"num_inference_steps", std::to_string(n).c_str()},
                 [&] { scheduler->set_timesteps(n); });
  for (const int n : {1, 1000}) {
    scheduler->set_timesteps(n);
    EXPECT_EQ(scheduler->timesteps().size(), static_cast<size_t>(n));
    EXPECT_TRUE(std::is_sorted(scheduler->sigmas().rbegin(), scheduler->sigmas().rend()));
  }
}

TEST(Scheduler, TakesStepsInOrderOnly) {
  const auto scheduler = make_scheduler(dpm_repository());
  Context ctx(backends::reference_kernels());
  const Tensor x = Tensor::full({1, 2, 3, 4}, 1);
  const auto step = [&](int i) { return scheduler->step(x, i, x, {}, ctx); };
  expect_error(ErrorCode::kInvalidArgument, {"step 0"}, [&] { (void)step(0); });  // no timesteps yet
  scheduler->set_timesteps(2);
  expect_error(ErrorCode::kInvalidArgument, {"step 1", "step 0 of 2"}, [&] { (void)step(1); });
  (void)step(0);
  expect_error(ErrorCode::kInvalidArgument, {"step 0", "step 1 of 2"}, [&] { (void)step(0); });
  (void)step(1);
  expect_error(ErrorCode::kInvalidArgument, {"step 2"}, [&] { (void)step(2); });
  expect_error(ErrorCode::kShapeMismatch, {"[1, 2, 3, 4]", "[1, 2, 3, 5]"}, [&] {
    scheduler->set_timesteps(2);
    (void)scheduler->step(Tensor::full({1, 2, 3, 5}, 1), 0, x, {}, ctx);
  });
}

TEST(Scheduler, SetTimestepsForgetsTheRunBefore) {
  const auto scheduler = make_scheduler(dpm_repository());
  Context ctx(backends::reference_kernels());
  const Tensor noise = Tensor::full({1, 1, 2, 2}, 0.7F);
  const auto run = [&] {
    scheduler->set_timesteps(5);
    Tensor x = noise;
    for (int i = 0; i < 3; ++i) x = scheduler->step(x, i, x, {}, ctx);
    return x;
  };
  const Tensor first = run();
  EXPECT_TRUE(support::identical(run(), first));
}

TEST(Scheduler, TheStochasticSolverInsistsOnNoise) {
  const auto scheduler = make_scheduler(dpm_repository(), "sde-dpmsolver++");
  EXPECT_TRUE(scheduler->needs_noise());
  Context ctx(backends::reference_kernels());
  const Tensor x = Tensor::full({1, 1, 2, 2}, 1);
  scheduler->set_timesteps(3);
  expect_error(ErrorCode::kInvalidArgument, {"noise"}, [&] { (void)scheduler->step(x, 0, x, {}, ctx); });
  expect_error(ErrorCode::kShapeMismatch, {"noise", "[1, 1, 2, 3]"}, [&] {
    (void)scheduler->step(x, 0, x, Tensor::full({1, 1, 2, 3}, 1), ctx);
  });
  EXPECT_NO_THROW((void)scheduler->step(x, 0, x, x, ctx));
}

}  // namespace
}  // namespace swan::schedulers

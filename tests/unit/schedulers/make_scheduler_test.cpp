#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "core/context.h"
#include "reference/kernels.h"
#include "schedulers/config.h"
#include "schedulers/scheduler.h"
#include "schedulers/scm.h"
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

// UniPC as Wan's repositories have it.
const std::string& unipc_repository() {
  static const TempDir dir;
  static const std::string path = [] {
    nlohmann::json config = support::read_json(golden_path("schedulers/unipc_wan_shift5.json")).at("config");
    config["_class_name"] = "UniPCMultistepScheduler";
    return dir.write("scheduler_config.json", config.dump());
  }();
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

nlohmann::json unipc_config() {
  return {{"_class_name", "UniPCMultistepScheduler"},
          {"use_flow_sigmas", true},
          {"prediction_type", "flow_prediction"},
          {"flow_shift", 3.0}};
}

TEST(MakeScheduler, FollowsTheRepository) {
  EXPECT_EQ(make_scheduler(dpm_repository())->name(), "dpmsolver++");  // the file has a -Infinity
  EXPECT_EQ(make_scheduler(unipc_repository())->name(), "unipc");
  EXPECT_EQ(make_scheduler(euler_repository())->name(), "flow-euler");
}

TEST(MakeScheduler, EveryNameWorksForEveryRepositoryAndNamesItself) {
  for (const auto& [name, description] : scheduler_names()) {
    EXPECT_FALSE(description.empty());
    if (name == "scm") continue;  // of no flow: TheOneOfSprintIsApart
    for (const std::string& path : {dpm_repository(), euler_repository(), unipc_repository()}) {
      const auto scheduler = make_scheduler(path, name);
      EXPECT_EQ(scheduler->name(), name);
      scheduler->set_timesteps(4);
      EXPECT_EQ(scheduler->timesteps().size(), name == "flow-heun" ? 7U : 4U);
    }
  }
}

TEST(MakeScheduler, KeepsTheShift) {
  EXPECT_EQ(make_scheduler(dpm_repository(), "flow-euler")->describe().at("shift"), 3.0);
  EXPECT_EQ(make_scheduler(euler_repository(), "sde-dpmsolver++")->describe().at("flow_shift"), 3.0);
  EXPECT_EQ(make_scheduler(euler_repository(), "unipc")->describe().at("flow_shift"), 3.0);
  EXPECT_EQ(make_scheduler(dpm_repository(), "unipc")->describe().at("flow_shift"), 3.0);
  EXPECT_EQ(make_scheduler(unipc_repository(), "dpmsolver++")->describe().at("flow_shift"), 5.0);
  EXPECT_EQ(make_scheduler(unipc_repository(), "flow-euler")->describe().at("shift"), 5.0);
}

TEST(MakeScheduler, AnOverrideReplacesTheShiftOfEverySolver) {
  const auto described_shift = [](const nlohmann::json& d) {
    return d.contains("shift") ? d.at("shift") : d.at("flow_shift");
  };
  for (const std::string& path : {dpm_repository(), euler_repository(), unipc_repository()}) {
    EXPECT_EQ(described_shift(make_scheduler(path, "", 7.5)->describe()), 7.5) << path;
    for (const char* name :
         {"dpmsolver++", "sde-dpmsolver++", "dpmsolver++2s", "unipc", "flow-euler", "flow-heun", "flow-lcm", "dmd"})
      EXPECT_EQ(described_shift(make_scheduler(path, name, 7.5)->describe()), 7.5) << path << " " << name;
  }
  // It is the shift that counts: the points in time are those of a repository with it.
  const auto overridden = make_scheduler(unipc_repository(), "", 8);
  const nlohmann::json golden = support::read_json(golden_path("schedulers/unipc_wan_shift8.json"));
  overridden->set_timesteps(8);
  EXPECT_EQ(nlohmann::json(overridden->timesteps()), golden.at("steps").at("8").at("timesteps"));
  for (const double shift : {0.0, -1.0, static_cast<double>(NAN), static_cast<double>(INFINITY)})
    expect_error(ErrorCode::kInvalidArgument, {"flow_shift", "above zero"},
                 [&] { (void)make_scheduler(unipc_repository(), "", shift); });
}

TEST(MakeScheduler, AShiftThatDependsOnThePictureMustBeGiven) {
  const TempDir dir;
  const std::string path = dir.write(
      "c.json", R"({"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0, "use_dynamic_shifting": true})");
  for (const char* name : {"", "flow-euler", "unipc", "dpmsolver++"}) {
    expect_error(ErrorCode::kUnsupported, {"use_dynamic_shifting", "true", "--flow-shift"},
                 [&] { (void)make_scheduler(path, name); });
    EXPECT_NO_THROW((void)make_scheduler(path, name, 5)) << name;
  }
}

TEST(MakeScheduler, AnotherSolverKeepsTheTerminalOrRefusesIt) {
  const TempDir dir;
  nlohmann::json config = unipc_config();
  config["shift_terminal"] = 0.1;
  const std::string path = dir.write("d.json", config.dump());
  for (const char* name : {"", "unipc", "flow-euler", "flow-lcm"}) {
    const auto scheduler = make_scheduler(path, name);
    EXPECT_EQ(scheduler->describe().at("shift_terminal"), 0.1) << name;
    scheduler->set_timesteps(4);
    EXPECT_NEAR(scheduler->sigmas()[3], 0.1, 1e-6) << name;
  }
  for (const char* name : {"dpmsolver++", "dpmsolver++2s", "flow-heun", "dmd"})
    expect_error(ErrorCode::kUnsupported, {"shift_terminal", "0.1"}, [&] { (void)make_scheduler(path, name); });
  for (const double wrong : {-0.1, 1.0, 2.0}) {
    config["shift_terminal"] = wrong;
    expect_refused(config, ErrorCode::kCorruptFile, {"shift_terminal", "below 1"});
  }
}

TEST(MakeScheduler, TheLevelsCanBeSpreadAsKarrasAndOthersDo) {
  for (const auto& [name, description] : sigma_schedule_names()) {
    EXPECT_FALSE(description.empty());
    for (const char* solver : {"flow-euler", "flow-lcm"}) {
      const auto scheduler = make_scheduler(dpm_repository(), solver, std::nullopt, name);
      const std::string key = "use_" + name + "_sigmas";
      EXPECT_EQ(scheduler->describe().value(key, false), name != "simple") << solver << name;
      scheduler->set_timesteps(6);
      EXPECT_EQ(scheduler->sigmas()[0], 1) << solver << name;
    }
    for (const char* solver : {"dpmsolver++", "dpmsolver++2s", "flow-heun", "dmd"}) {
      const auto make = [&] { (void)make_scheduler(dpm_repository(), solver, std::nullopt, name); };
      if (name == "simple") {
        EXPECT_NO_THROW(make());
      } else {
        expect_error(ErrorCode::kUnsupported, {solver, "sigma_schedule", "flow-euler"}, make);
      }
    }
  }
  EXPECT_EQ(make_scheduler(unipc_repository(), "", std::nullopt, "karras")->describe().at("use_karras_sigmas"), true);
  for (const char* other : {"exponential", "beta"})
    expect_error(ErrorCode::kUnsupported, {"unipc", "karras"},
                 [&] { (void)make_scheduler(unipc_repository(), "", std::nullopt, other); });
  expect_error(ErrorCode::kInvalidArgument, {"'cosine'", "simple, karras, exponential, beta"},
               [] { (void)make_scheduler(euler_repository(), "", std::nullopt, "cosine"); });

  // "simple" puts back what a repository spreads.
  const TempDir dir;
  const nlohmann::json config = {
      {"_class_name", "FlowMatchEulerDiscreteScheduler"}, {"shift", 3.0}, {"use_beta_sigmas", true}};
  const std::string path = dir.write("beta.json", config.dump());
  EXPECT_TRUE(make_scheduler(path)->describe().contains("use_beta_sigmas"));
  EXPECT_FALSE(make_scheduler(path, "", std::nullopt, "simple")->describe().contains("use_beta_sigmas"));
  expect_refused(
      {{"_class_name", "FlowMatchEulerDiscreteScheduler"}, {"use_beta_sigmas", true}, {"use_karras_sigmas", true}},
      ErrorCode::kCorruptFile, {"use_karras_sigmas", "use_beta_sigmas", "only one"});
}

TEST(MakeScheduler, ReadsTheOtherClassesOfFlows) {
  const TempDir dir;
  const auto made = [&](const char* class_name, const nlohmann::json& options) {
    nlohmann::json config = {{"_class_name", class_name}};
    config.update(options);
    return make_scheduler(dir.write("c.json", config.dump()));
  };
  EXPECT_EQ(made("FlowMatchHeunDiscreteScheduler", {{"shift", 2.0}})->name(), "flow-heun");
  EXPECT_EQ(made("FlowMatchLCMScheduler", {{"shift", 2.0}, {"upscale_mode", "bicubic"}})->name(), "flow-lcm");
  EXPECT_TRUE(made("FlowMatchLCMScheduler", nlohmann::json::object())->needs_noise());
  EXPECT_FALSE(made("FlowMatchEulerDiscreteScheduler", nlohmann::json::object())->needs_noise());
  EXPECT_TRUE(made("FlowMatchEulerDiscreteScheduler", {{"stochastic_sampling", true}})->needs_noise());
  const nlohmann::json flow = {{"use_flow_sigmas", true}, {"prediction_type", "flow_prediction"}};
  EXPECT_EQ(made("DPMSolverSinglestepScheduler", flow)->name(), "dpmsolver++2s");
  nlohmann::json third = flow;
  third.update({{"solver_order", 3}, {"algorithm_type", "sde-dpmsolver++"}, {"lower_order_final", false}});
  EXPECT_EQ(made("DPMSolverSinglestepScheduler", third)->name(), "sde-dpmsolver++3s");
  EXPECT_EQ(made("DPMSolverMultistepScheduler", third)->name(), "sde-dpmsolver++3m");
  expect_refused({{"_class_name", "FlowMatchLCMScheduler"}, {"scale_factors", {0.5, 1.0}}}, ErrorCode::kUnsupported,
                 {"scale_factors", "[0.5,1.0]"});
  expect_refused({{"_class_name", "DPMSolverSinglestepScheduler"}}, ErrorCode::kUnsupported, {"use_flow_sigmas"});
}

TEST(MakeScheduler, AnotherSolverRefusesWhatIsNoFlow) {
  const TempDir dir;
  nlohmann::json config = unipc_config();
  config["use_flow_sigmas"] = false;
  expect_error(ErrorCode::kUnsupported, {"use_flow_sigmas"},
               [&] { (void)make_scheduler(dir.write("a.json", config.dump()), "flow-euler"); });
  config = unipc_config();
  config.erase("prediction_type");
  expect_error(ErrorCode::kUnsupported, {"prediction_type", "epsilon"},
               [&] { (void)make_scheduler(dir.write("b.json", config.dump()), "dpmsolver++"); });
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
  config = unipc_config();
  config["disable_corrector"] = {2, 0};
  config["solver_order"] = 3;
  const nlohmann::json unipc = make_scheduler(dir.write("d.json", config.dump()))->describe();
  EXPECT_EQ(make_scheduler(dir.write("e.json", unipc.dump()))->describe(), unipc);
  EXPECT_EQ(unipc.at("disable_corrector"), nlohmann::json({0, 2}));
  EXPECT_EQ(unipc.at("solver_order"), 3);
  for (const char* name : {"flow-euler", "flow-heun", "flow-lcm", "dpmsolver++3s", "sde-dpmsolver++3m"}) {
    const nlohmann::json flow = make_scheduler(euler_repository(), name)->describe();
    EXPECT_EQ(make_scheduler(dir.write("c.json", flow.dump()))->describe(), flow);
  }
  config = unipc_config();
  config.update({{"use_karras_sigmas", true}, {"sigma_min", 0.02}, {"beta_schedule", "scaled_linear"}});
  const nlohmann::json karras = make_scheduler(dir.write("f.json", config.dump()))->describe();
  EXPECT_EQ(make_scheduler(dir.write("g.json", karras.dump()))->describe(), karras);
  EXPECT_EQ(karras.at("sigma_min"), 0.02);
}

TEST(MakeScheduler, RefusesEachOptionItLacksByNameAndValue) {
  for (const char* key :
       {"thresholding", "use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas"}) {
    nlohmann::json config = dpm_config();
    config[key] = true;
    expect_refused(config, ErrorCode::kUnsupported, {key, "true"});
    config[key] = false;
    const TempDir dir;
    EXPECT_NO_THROW((void)make_scheduler(dir.write("c.json", config.dump()))) << key;
  }
  expect_refused({{"_class_name", "FlowMatchEulerDiscreteScheduler"}, {"invert_sigmas", true}}, ErrorCode::kUnsupported,
                 {"invert_sigmas", "true"});
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

TEST(MakeScheduler, UniPCRefusesEachOptionItLacksByNameAndValue) {
  for (const char* key : {"thresholding", "use_exponential_sigmas", "use_beta_sigmas", "use_dynamic_shifting"}) {
    nlohmann::json config = unipc_config();
    config[key] = true;
    expect_refused(config, ErrorCode::kUnsupported, {key, "true"});
  }
  const std::vector<std::pair<const char*, nlohmann::json>> values = {{"solver_p", {{"_class_name", "DDIMScheduler"}}},
                                                                      {"solver_type", "bh3"},
                                                                      {"prediction_type", "epsilon"},
                                                                      {"final_sigmas_type", "sigma_min"},
                                                                      {"predict_x0", false},
                                                                      {"use_flow_sigmas", false}};
  for (const auto& [key, value] : values) {
    nlohmann::json config = unipc_config();
    config[key] = value;
    const std::string shown = value.is_string() ? value.get<std::string>() : value.dump();
    expect_refused(config, ErrorCode::kUnsupported, {key, shown.c_str()});
  }
  for (const char* key : {"use_flow_sigmas", "prediction_type"}) {
    nlohmann::json config = unipc_config();
    config.erase(key);
    expect_refused(config, ErrorCode::kUnsupported, {key});
  }
  for (const nlohmann::json& wrong : {nlohmann::json(3), nlohmann::json({1.5}), nlohmann::json({-1}),
                                      nlohmann::json({"0"}), nlohmann::json({true})}) {
    nlohmann::json config = unipc_config();
    config["disable_corrector"] = wrong;
    expect_refused(config, ErrorCode::kCorruptFile, {"disable_corrector", "list of whole numbers"});
  }
}

// In both cases the reference returns NaN or infinity from the last step.
TEST(MakeScheduler, UniPCRefusesWhatHasNoFiniteLastStep) {
  nlohmann::json config = unipc_config();
  config["solver_type"] = "bh1";
  expect_refused(config, ErrorCode::kUnsupported,
                 {"'solver_type' is \"bh1\"", "no finite last step where the last sigma is zero", "use \"bh2\""});
  config = unipc_config();
  config["lower_order_final"] = false;
  expect_refused(config, ErrorCode::kUnsupported, {"'lower_order_final' is false", "sigma 0"});
  const TempDir dir;
  config["solver_order"] = 1;
  EXPECT_EQ(make_scheduler(dir.write("a.json", config.dump()))->describe().at("lower_order_final"), false);
  config = unipc_config();
  config["solver_type"] = "heun";  // the reference takes it for bh2
  EXPECT_EQ(make_scheduler(dir.write("b.json", config.dump()))->describe().at("solver_type"), "bh2");
}

TEST(ConfigReader, RefuseTakesNothingButNullFalseAndZeroForOff) {
  for (const char* off : {"null", "false", "0", "0.0", "-0.0"})
    EXPECT_NO_THROW(ConfigReader(nlohmann::json::parse(fmt::format(R"({{"k": {}}})", off)), "c.json").refuse("k"))
        << off;
  EXPECT_NO_THROW(ConfigReader(nlohmann::json::object(), "c.json").refuse("k"));
  for (const char* on : {"true", "1", "-1", "0.001", "\"\"", "\"false\"", "\"0\"", "[]", "[0]", "{}"})
    expect_error(ErrorCode::kUnsupported, {"'k'", on},
                 [&] { ConfigReader(nlohmann::json::parse(fmt::format(R"({{"k": {}}})", on)), "c.json").refuse("k"); });
}

TEST(MakeScheduler, RefusesAnUnknownClassAndWhatIsNoFlow) {
  expect_refused({{"_class_name", "PNDMScheduler"}}, ErrorCode::kUnsupported, {"PNDMScheduler", "flow-euler"});
  expect_refused({{"_class_name", "SCMScheduler"}}, ErrorCode::kUnsupported, {"SCMScheduler", "Sana-Sprint"});
  const TempDir dir;
  const std::string scm = dir.write("scm.json", R"({"_class_name": "SCMScheduler", "prediction_type": "trigflow"})");
  expect_error(ErrorCode::kUnsupported, {"SCMScheduler", "shift"}, [&] { (void)make_scheduler(scm, "flow-euler"); });
  const std::string lcm = dir.write("lcm.json", R"({"_class_name": "FlowMatchLCMScheduler", "shift": 2.5})");
  EXPECT_EQ(make_scheduler(lcm, "dpmsolver++")->describe().at("flow_shift"), 2.5);
}

TEST(SCM, TheLastStepTakesNoNoise) {
  Context ctx(backends::reference_kernels());
  SCM scm(SCMOptions{});
  scm.set_timesteps(2, SCMTimesteps{});
  const Tensor x = Tensor::full({1, 1, 2, 2}, 0.5F), prediction = Tensor::full({1, 1, 2, 2}, 0.25F);
  EXPECT_TRUE(scm.step_needs_noise(0));
  expect_error(ErrorCode::kInvalidArgument, {"step 0 needs a draw"},
               [&] { (void)scm.step(prediction, 0, x, {}, ctx); });
  const Tensor next = scm.step(prediction, 0, x, Tensor::full({1, 1, 2, 2}, 1), ctx);
  EXPECT_FALSE(scm.step_needs_noise(1));
  EXPECT_EQ(scm.step(prediction, 1, next, {}, ctx).shape(), x.shape());
}

TEST(SCM, TheOneOfSprintIsApart) {
  const std::string sprint = golden_path("models/sana_sprint/scheduler/scheduler_config.json");
  EXPECT_EQ(read_scm_options(sprint).sigma_data, 0.5);
  EXPECT_EQ(SCM(read_scm_options(sprint, "scm")).name(), "scm");
  for (const char* name : {"", "scm"})
    expect_error(ErrorCode::kUnsupported, {"Sana-Sprint"}, [&] { (void)make_scheduler(sprint, name); });
  expect_error(ErrorCode::kUnsupported, {"Sana-Sprint", "flows"},
               [] { (void)make_scheduler(dpm_repository(), "scm"); });
  expect_error(ErrorCode::kUnsupported, {"'scm' alone", "'unipc'"}, [&] { (void)read_scm_options(sprint, "unipc"); });
  expect_error(ErrorCode::kInvalidArgument, {"'sprint'"}, [&] { (void)read_scm_options(sprint, "sprint"); });
  expect_error(ErrorCode::kUnsupported, {"SCMScheduler", "DPMSolverMultistepScheduler"},
               [] { (void)read_scm_options(dpm_repository()); });
  const TempDir dir;
  const auto refused = [&](const nlohmann::json& option, ErrorCode code, std::initializer_list<const char*> parts) {
    nlohmann::json config = {{"_class_name", "SCMScheduler"}};
    config.update(option);
    const std::string path = dir.write("c.json", config.dump());
    expect_error(code, parts, [&] { (void)read_scm_options(path); });
  };
  refused({{"prediction_type", "epsilon"}}, ErrorCode::kUnsupported, {"prediction_type", "epsilon", "trigflow"});
  refused({{"sigma_data", 0}}, ErrorCode::kCorruptFile, {"sigma_data"});
  refused({{"num_train_timesteps", 0.5}}, ErrorCode::kCorruptFile, {"num_train_timesteps"});
  const nlohmann::json described = SCM({.num_train_timesteps = 500, .sigma_data = 0.25}).describe();
  const SCMOptions again = read_scm_options(dir.write("d.json", described.dump()));
  EXPECT_EQ(again.num_train_timesteps, 500);
  EXPECT_EQ(again.sigma_data, 0.25);
}

TEST(SCM, GoesThroughTheAnglesThatItIsGiven) {
  SCM scheduler({});
  scheduler.set_timesteps(2, {.max_timesteps = 1.5, .intermediate_timesteps = 1.1});
  EXPECT_EQ(scheduler.timesteps(), (std::vector<float>{1.5F, 1.1F}));
  ASSERT_EQ(scheduler.sigmas().size(), 3U);
  EXPECT_NEAR(scheduler.sigmas()[1], std::sin(1.1) / (std::sin(1.1) + std::cos(1.1)), 1e-6);
  EXPECT_EQ(scheduler.sigmas()[2], 0);
  scheduler.set_timesteps(2, {.max_timesteps = 1.5, .intermediate_timesteps = {}});
  EXPECT_EQ(scheduler.timesteps(), (std::vector<float>{1.5F, 0.75F}));
  scheduler.set_timesteps(4, {.max_timesteps = 1.0, .intermediate_timesteps = {}, .begin_index = 3});
  EXPECT_EQ(scheduler.timesteps(), std::vector<float>{0.25F});
  Context ctx(backends::reference_kernels());
  const Tensor x = Tensor::full({1, 1, 2, 2}, 1);
  EXPECT_TRUE(support::close(scheduler.step(x, 0, x, x, ctx),
                             Tensor::full({1, 1, 2, 2}, std::cos(0.25F) - std::sin(0.25F)), 1e-6));
}

TEST(SCM, RefusesAnglesThatAreNone) {
  SCM scheduler({.num_train_timesteps = 10});
  const auto refused = [&](int steps, const SCMTimesteps& angles, std::initializer_list<const char*> parts) {
    expect_error(ErrorCode::kInvalidArgument, parts, [&] { scheduler.set_timesteps(steps, angles); });
  };
  for (const int steps : {1, 3, 4}) refused(steps, {}, {"intermediate_timesteps is 1.3", "second of two"});
  for (const double t : {0.0, -1.0, 1.571, static_cast<double>(NAN)})
    refused(1, {.max_timesteps = t, .intermediate_timesteps = {}}, {"max_timesteps", "1.5708"});
  for (const double t : {0.0, -1.0, 1.2, 1.3, static_cast<double>(NAN)})
    refused(2, {.max_timesteps = 1.2, .intermediate_timesteps = t}, {"intermediate_timesteps", "1.2"});
  refused(11, {.intermediate_timesteps = {}}, {"11 steps", "10"});
  refused(0, {.intermediate_timesteps = {}}, {"num_inference_steps"});
  refused(2, {.begin_index = 2}, {"none is left"});
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
  (void)make_scheduler(unipc_repository());
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

TEST(Scheduler, RefusesPointsInTimeThatFallTogether) {
  for (const char* name : {"unipc", "flow-euler", "flow-heun", "dmd", "dpmsolver++", "dpmsolver++2s"}) {
    const auto scheduler = make_scheduler(dpm_repository(), name, 1e12);
    expect_error(ErrorCode::kInvalidArgument, {name, "1000 steps", "shift"}, [&] { scheduler->set_timesteps(1000); });
  }
}

class EverySolver : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Scheduler, EverySolver,
                         ::testing::Values("dpmsolver++", "dpmsolver++3s", "unipc", "flow-euler", "flow-heun"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase_if(name, [](char c) { return c == '+' || c == '-'; });
                           return name;
                         });

TEST_P(EverySolver, TakesStepsInOrderOnly) {
  const auto scheduler = make_scheduler(dpm_repository(), GetParam());
  Context ctx(backends::reference_kernels());
  const Tensor x = Tensor::full({1, 2, 3, 4}, 1);
  const auto step = [&](int i) { return scheduler->step(x, i, x, {}, ctx); };
  expect_error(ErrorCode::kInvalidArgument, {"step 0"}, [&] { (void)step(0); });  // no timesteps yet
  scheduler->set_timesteps(2);
  const int count = static_cast<int>(scheduler->timesteps().size());  // 2, but 3 of Heun
  const std::string first = fmt::format("step 0 of {}", count), second = fmt::format("step 1 of {}", count);
  expect_error(ErrorCode::kInvalidArgument, {"step 1", first.c_str()}, [&] { (void)step(1); });
  (void)step(0);
  expect_error(ErrorCode::kInvalidArgument, {"step 0", second.c_str()}, [&] { (void)step(0); });
  for (int i = 1; i < count; ++i) (void)step(i);
  expect_error(ErrorCode::kInvalidArgument, {fmt::format("step {}", count).c_str()}, [&] { (void)step(count); });
  expect_error(ErrorCode::kShapeMismatch, {"[1, 2, 3, 4]", "[1, 2, 3, 5]"}, [&] {
    scheduler->set_timesteps(2);
    (void)scheduler->step(Tensor::full({1, 2, 3, 5}, 1), 0, x, {}, ctx);
  });
}

TEST_P(EverySolver, SetTimestepsForgetsTheRunBefore) {
  const auto scheduler = make_scheduler(dpm_repository(), GetParam());
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

#include <algorithm>
#include <array>
#include <string_view>

#include "core/error.h"
#include "io/json.h"
#include "schedulers/dpmsolver_multistep.h"
#include "schedulers/flow_match_euler.h"
#include "schedulers/scheduler.h"
#include "swan/pipeline.h"

namespace swan {

namespace {
struct Named {
  const char* name;
  const char* description;
};
constexpr std::array<Named, 3> kNamed = {
    {{"dpmsolver++", "DPM-Solver++, multistep: few steps, the usual choice for Sana"},
     {"sde-dpmsolver++", "DPM-Solver++ of the stochastic equation: fresh noise at every step, more steps needed"},
     {"flow-euler", "Euler's method along the flow: plain and robust"}}};
}  // namespace

std::vector<std::pair<std::string, std::string>> scheduler_names() {
  std::vector<std::pair<std::string, std::string>> names;
  for (const Named& n : kNamed) names.emplace_back(n.name, n.description);
  return names;
}

namespace schedulers {

namespace {
constexpr std::string_view kDpmSolver = "DPMSolverMultistepScheduler";
constexpr std::string_view kFlowEuler = "FlowMatchEulerDiscreteScheduler";

std::string known_names() {
  std::string list;
  for (const Named& n : kNamed) list += (list.empty() ? "" : ", ") + std::string(n.name);
  return list;
}

// What a scheduler of another class says about the flow, for the one that replaces it.
struct Flow {
  int num_train_timesteps;
  double shift;
};
Flow read_flow(ConfigReader& config, const std::string& class_name, const std::string& replacement) {
  const bool shift = config.has("shift");
  if (!shift && !config.has("flow_shift"))
    fail(ErrorCode::kUnsupported,
         "{}: {} has neither 'shift' nor 'flow_shift', so its model is no plain flow that '{}' could solve; leave "
         "--scheduler out.",
         config.path(), class_name, replacement);
  (void)config.choice("prediction_type", "flow_prediction", {"flow_prediction"});
  config.refuse("use_dynamic_shifting");  // the shift would depend on the picture's size
  return {.num_train_timesteps = config.integer("num_train_timesteps", 1000, 1, 1'000'000),
          .shift = config.positive(shift ? "shift" : "flow_shift", 1)};
}

std::unique_ptr<Scheduler> make_named(ConfigReader& config, const std::string& class_name, const std::string& name) {
  if (name == "flow-euler") {
    if (class_name == kFlowEuler) return std::make_unique<FlowMatchEuler>(FlowMatchEulerOptions::read(config));
    const Flow flow = read_flow(config, class_name, name);
    return std::make_unique<FlowMatchEuler>(
        FlowMatchEulerOptions{.num_train_timesteps = flow.num_train_timesteps, .shift = flow.shift});
  }
  DpmSolverOptions options;
  if (class_name == kDpmSolver) {
    options = DpmSolverOptions::read(config);  // its order and the rest stay
  } else {
    const Flow flow = read_flow(config, class_name, name);
    options.num_train_timesteps = flow.num_train_timesteps;
    options.flow_shift = flow.shift;
  }
  options.sde = name == "sde-dpmsolver++";
  return std::make_unique<DpmSolverMultistep>(options);
}
}  // namespace

std::unique_ptr<Scheduler> make_scheduler(const std::string& config_path, const std::string& override_name) {
  const bool known = std::any_of(kNamed.begin(), kNamed.end(), [&](const Named& n) { return override_name == n.name; });
  if (!override_name.empty() && !known)
    fail(ErrorCode::kInvalidArgument, "unknown scheduler '{}'; choose one of {}.", override_name, known_names());

  nlohmann::json json = io::read_json(config_path);
  const auto class_json = json.is_object() ? json.value("_class_name", nlohmann::json()) : nlohmann::json();
  ConfigReader config(std::move(json), config_path);
  if (!class_json.is_string())
    fail(ErrorCode::kCorruptFile, "{} has no '_class_name'; download it again.", config_path);
  const auto class_name = class_json.get<std::string>();

  if (known) return make_named(config, class_name, override_name);
  std::unique_ptr<Scheduler> made;
  if (class_name == kDpmSolver) {
    made = std::make_unique<DpmSolverMultistep>(DpmSolverOptions::read(config));
  } else if (class_name == kFlowEuler) {
    made = std::make_unique<FlowMatchEuler>(FlowMatchEulerOptions::read(config));
  } else {
    fail(ErrorCode::kUnsupported, "{}: Swan does not implement {}; choose one of {} with --scheduler.", config_path,
         class_name, known_names());
  }
  config.report_unknown();
  return made;
}

}  // namespace schedulers

}  // namespace swan

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "core/error.h"
#include "schedulers/dpmsolver_multistep.h"
#include "schedulers/flow_match_euler.h"
#include "schedulers/scheduler.h"
#include "schedulers/scm.h"
#include "schedulers/unipc_multistep.h"
#include "swan/pipeline.h"

namespace swan {

namespace {
constexpr std::string_view kDpmSolver = "DPMSolverMultistepScheduler";
constexpr std::string_view kFlowEuler = "FlowMatchEulerDiscreteScheduler";
constexpr std::string_view kUniPC = "UniPCMultistepScheduler";
constexpr std::string_view kSCM = "SCMScheduler";

struct Named {
  const char* name;
  std::string_view class_name;
  const char* description;
};
constexpr std::array<Named, 5> kNamed = {
    {{"dpmsolver++", kDpmSolver, "DPM-Solver++, multistep: few steps, the usual choice for Sana"},
     {"sde-dpmsolver++", kDpmSolver,
      "DPM-Solver++ of the stochastic equation: fresh noise at every step, more steps needed"},
     {"unipc", kUniPC, "UniPC, predictor and corrector: few steps, the usual choice for Wan"},
     {"flow-euler", kFlowEuler, "Euler's method along the flow: plain and robust"},
     {"scm", kSCM, "consistency steps with fresh noise between them: 1 to 4 steps, for Sana-Sprint and nothing else"}}};
}  // namespace

std::vector<std::pair<std::string, std::string>> scheduler_names() {
  std::vector<std::pair<std::string, std::string>> names;
  names.reserve(kNamed.size());
  for (const Named& n : kNamed) names.emplace_back(n.name, n.description);
  return names;
}

namespace schedulers {

namespace {
std::string known_names() {
  std::string list;
  for (const Named& n : kNamed) list += (list.empty() ? "" : ", ") + std::string(n.name);
  return list;
}

void check_name(const std::string& override_name) {
  const bool known = std::any_of(kNamed.begin(), kNamed.end(), [&](const Named& n) { return override_name == n.name; });
  if (!override_name.empty() && !known)
    fail(ErrorCode::kInvalidArgument, "unknown scheduler '{}'; choose one of {}.", override_name, known_names());
}

struct OpenedConfig {
  ConfigReader reader;
  std::string class_name;
};
OpenedConfig open_config(const ConfigSource& c) {
  const auto class_name = c.json.is_object() ? c.json.value("_class_name", nlohmann::json()) : nlohmann::json();
  ConfigReader reader(c.json, c.path);
  if (!class_name.is_string()) fail(ErrorCode::kCorruptFile, "{} has no '_class_name'; download it again.", c.path);
  return {std::move(reader), class_name.get<std::string>()};
}

// A repository's scheduler_config.json and what was asked for instead of it.
class Choice {
 public:
  Choice(ConfigReader config, std::string class_name, std::string override_name, std::optional<double> flow_shift)
      : config_(std::move(config)),
        class_name_(std::move(class_name)),
        override_name_(std::move(override_name)),
        flow_shift_(flow_shift) {}

  [[nodiscard]] std::unique_ptr<Scheduler> make() {
    std::string_view solver = class_name_;
    for (const Named& n : kNamed)
      if (override_name_ == n.name) solver = n.class_name;

    std::unique_ptr<Scheduler> made;
    if (solver == kSCM)
      fail(ErrorCode::kUnsupported,
           "{}: SCMScheduler ('scm') is for Sana-Sprint's models, and this pipeline solves flows; choose another one "
           "with --scheduler, or leave it out.",
           config_.path());
    if (solver == kDpmSolver) {
      auto options = read<DpmSolverOptions>(solver, &DpmSolverOptions::flow_shift);  // its order and the rest stay
      if (!override_name_.empty()) options.sde = override_name_ == "sde-dpmsolver++";
      made = std::make_unique<DpmSolverMultistep>(options);
    } else if (solver == kFlowEuler) {
      made = std::make_unique<FlowMatchEuler>(read<FlowMatchEulerOptions>(solver, &FlowMatchEulerOptions::shift));
    } else if (solver == kUniPC) {
      made = std::make_unique<UniPCMultistep>(read<UniPCOptions>(solver, &UniPCOptions::flow_shift));
    } else {
      fail(ErrorCode::kUnsupported, "{}: Swan does not implement {}; choose one of {} with --scheduler.",
           config_.path(), class_name_, known_names());
    }
    if (solver == class_name_) config_.report_unknown();
    return made;
  }

 private:
  // The repository's options where they are the solver's own, else the solver's defaults along the repository's flow.
  template <typename Options>
  [[nodiscard]] Options read(std::string_view solver, double Options::*shift) {
    Options options;
    if (solver == class_name_) {
      options = Options::read(config_);
    } else {
      const Flow flow = read_flow();
      options.num_train_timesteps = flow.num_train_timesteps;
      options.*shift = flow.shift;
    }
    options.*shift = flow_shift_.value_or(options.*shift);
    return options;
  }

  struct Flow {
    int num_train_timesteps;
    double shift;
  };
  // What a scheduler of another class says about the flow, for the one that replaces it.
  [[nodiscard]] Flow read_flow() {
    const bool shift = config_.has("shift");
    if (!shift && !config_.has("flow_shift"))
      fail(ErrorCode::kUnsupported,
           "{}: {} has neither 'shift' nor 'flow_shift', so its model is no plain flow that '{}' could solve; leave "
           "--scheduler out.",
           config_.path(), class_name_, override_name_);
    const bool any_model = class_name_ == kDpmSolver || class_name_ == kUniPC;  // not of flows alone
    if (any_model) config_.require("use_flow_sigmas", false, "Swan's solvers run flows only");
    (void)config_.choice("prediction_type", any_model ? "epsilon" : "flow_prediction", {"flow_prediction"});
    // The first makes the shift depend on the picture's size, the others bend the flow.
    for (const char* key : {"use_dynamic_shifting", "shift_terminal", "invert_sigmas"}) config_.refuse(key);
    return {.num_train_timesteps = config_.integer("num_train_timesteps", 1000, 1, 1'000'000),
            .shift = config_.positive(shift ? "shift" : "flow_shift", 1)};
  }

  ConfigReader config_;
  std::string class_name_;
  std::string override_name_;
  std::optional<double> flow_shift_;
};
}  // namespace

std::unique_ptr<Scheduler> make_scheduler(const ConfigSource& source, const std::string& override_name,
                                          std::optional<double> flow_shift) {
  check_name(override_name);
  if (flow_shift && !(*flow_shift > 0 && std::isfinite(*flow_shift)))
    fail(ErrorCode::kInvalidArgument, "flow_shift is {}; choose a number above zero (3 to 8 is usual).", *flow_shift);

  OpenedConfig config = open_config(source);
  return Choice(std::move(config.reader), std::move(config.class_name), override_name, flow_shift).make();
}

SCMOptions read_scm_options(const ConfigSource& source, const std::string& override_name) {
  check_name(override_name);
  OpenedConfig config = open_config(source);
  if (config.class_name != kSCM)
    fail(ErrorCode::kUnsupported, "{}: a Sana-Sprint model needs {}, but this is {}; take the model's own file.",
         source.path, kSCM, config.class_name);
  if (!override_name.empty() && override_name != "scm")
    fail(ErrorCode::kUnsupported,
         "{}: a Sana-Sprint model runs with the scheduler 'scm' alone, not '{}'; leave "
         "--scheduler out.",
         source.path, override_name);
  SCMOptions options = SCMOptions::read(config.reader);
  config.reader.report_unknown();
  return options;
}

}  // namespace schedulers

}  // namespace swan

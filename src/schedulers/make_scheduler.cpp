#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <type_traits>
#include <utility>

#include "core/error.h"
#include "schedulers/dmd.h"
#include "schedulers/dpmsolver_multistep.h"
#include "schedulers/dpmsolver_singlestep.h"
#include "schedulers/flow_match_euler.h"
#include "schedulers/flow_match_heun.h"
#include "schedulers/flow_match_lcm.h"
#include "schedulers/scheduler.h"
#include "schedulers/scm.h"
#include "schedulers/unipc_multistep.h"
#include "swan/pipeline.h"

namespace swan {

namespace {
constexpr std::string_view kDpmMultistep = "DPMSolverMultistepScheduler";
constexpr std::string_view kDpmSinglestep = "DPMSolverSinglestepScheduler";
constexpr std::string_view kFlowEuler = "FlowMatchEulerDiscreteScheduler";
constexpr std::string_view kFlowHeun = "FlowMatchHeunDiscreteScheduler";
constexpr std::string_view kFlowLCM = "FlowMatchLCMScheduler";
constexpr std::string_view kUniPC = "UniPCMultistepScheduler";
constexpr std::string_view kSCM = "SCMScheduler";
constexpr std::string_view kDMD = "DMD";  // of no library's configurations

struct Named {
  const char* name;
  std::string_view class_name;
  const char* description;
  int order = 0;  ///< of a DPM-Solver; 0: the repository's, else 2
  bool sde = false;
};
constexpr std::array<Named, 16> kNamed = {
    {{"dpmsolver++", kDpmMultistep, "DPM-Solver++, multistep: few steps, the usual choice for Sana"},
     {"dpmsolver++3m", kDpmMultistep, "DPM-Solver++ of the third order, multistep", 3},
     {"dpmsolver++1s", kDpmSinglestep, "DPM-Solver++ of the first order, which is DDIM's step", 1},
     {"dpmsolver++2s", kDpmSinglestep, "DPM-Solver++ of the second order, singlestep", 2},
     {"dpmsolver++3s", kDpmSinglestep, "DPM-Solver++ of the third order, singlestep", 3},
     {"sde-dpmsolver++", kDpmMultistep,
      "DPM-Solver++ of the stochastic equation: fresh noise at every step, more steps needed", 0, true},
     {"sde-dpmsolver++3m", kDpmMultistep, "the same of the third order", 3, true},
     {"sde-dpmsolver++1s", kDpmSinglestep, "the same of the first order", 1, true},
     {"sde-dpmsolver++2s", kDpmSinglestep, "the same of the second order, singlestep", 2, true},
     {"sde-dpmsolver++3s", kDpmSinglestep, "the same of the third order, singlestep", 3, true},
     {"unipc", kUniPC, "UniPC, predictor and corrector: few steps, the usual choice for Wan"},
     {"flow-euler", kFlowEuler, "Euler's method along the flow: plain and robust"},
     {"flow-heun", kFlowHeun, "Heun's method along the flow: each step but the last takes twice as long"},
     {"flow-lcm", kFlowLCM, "consistency steps along the flow with fresh noise between them: for distilled models"},
     {"dmd", kDMD, "the same along the timesteps of networks distilled to 3 or 4 steps: FastWan, CausVid, rCM"},
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
  Choice(OpenedConfig opened, const std::string& override_name, std::optional<double> flow_shift,
         const std::string& sigma_schedule)
      : config_(std::move(opened.reader)), class_name_(std::move(opened.class_name)), flow_shift_(flow_shift) {
    for (const Named& n : kNamed)
      if (override_name == n.name) named_ = &n;
    if (!sigma_schedule.empty()) sigma_schedule_ = sigma_schedule_named(sigma_schedule);
  }

  [[nodiscard]] std::unique_ptr<Scheduler> make() {
    const std::string_view solver = named_ != nullptr ? named_->class_name : class_name_;
    std::unique_ptr<Scheduler> made = make(solver);
    if (solver == class_name_) config_.report_unknown();
    return made;
  }

 private:
  [[nodiscard]] std::unique_ptr<Scheduler> make(std::string_view solver) {
    if (solver == kSCM)
      fail(ErrorCode::kUnsupported,
           "{}: SCMScheduler ('scm') is for Sana-Sprint's models, and this pipeline solves flows; choose another one "
           "with --scheduler, or leave it out.",
           config_.path());
    if (config_.flag("use_dynamic_shifting", false) && !flow_shift_)
      fail(ErrorCode::kUnsupported,
           "{}: 'use_dynamic_shifting' is true, so that the shift depends on the size of the result, and for these "
           "models nobody says how; give it with --flow-shift.",
           config_.path());
    if (solver == kDpmMultistep) return dpm<DpmSolverMultistep>(solver);
    if (solver == kDpmSinglestep) return dpm<DpmSolverSinglestep>(solver);
    if (solver == kFlowEuler) {
      auto o = own(solver) ? FlowMatchEulerOptions::read(config_) : FlowMatchEulerOptions{bend<FlowMatchOptions>()};
      return make<FlowMatchEuler>(o, &FlowMatchEulerOptions::shift);
    }
    if (solver == kFlowLCM) {
      auto o = own(solver) ? FlowMatchLCM::read(config_) : bend<FlowMatchOptions>();
      return make<FlowMatchLCM>(o, &FlowMatchOptions::shift);
    }
    if (solver == kFlowHeun) {
      auto o =
          own(solver) ? FlowMatchHeunOptions::read(config_) : plain<FlowMatchHeunOptions>(&FlowMatchHeunOptions::shift);
      return make<FlowMatchHeun>(o, &FlowMatchHeunOptions::shift);
    }
    if (solver == kUniPC) return unipc(solver);
    if (solver == kDMD) return make<DMD>(plain<DMDOptions>(&DMDOptions::shift), &DMDOptions::shift);
    fail(ErrorCode::kUnsupported, "{}: Swan does not implement {}; choose one of {} with --scheduler.", config_.path(),
         class_name_, known_names());
  }

  // Whether the repository's options are the solver's own; else it has its defaults along the repository's flow.
  [[nodiscard]] bool own(std::string_view solver) const { return solver == class_name_; }

  template <typename Solver>
  [[nodiscard]] std::unique_ptr<Scheduler> dpm(std::string_view solver) {
    auto o = own(solver) ? Solver::read(config_) : plain<DpmSolverOptions>(&DpmSolverOptions::flow_shift);
    if (named_ != nullptr) {
      o.sde = named_->sde;  // the repository's order and the rest stay
      if (named_->order > 0) o.solver_order = named_->order;
    }
    return make<Solver>(o, &DpmSolverOptions::flow_shift);
  }

  [[nodiscard]] std::unique_ptr<Scheduler> unipc(std::string_view solver) {
    UniPCOptions o;
    if (own(solver)) {
      o = UniPCOptions::read(config_);
    } else {
      const Flow flow = read_flow();
      o.num_train_timesteps = flow.num_train_timesteps;
      o.flow_shift = flow.shift;
      o.shift_terminal = flow.shift_terminal;
    }
    if (sigma_schedule_ == SigmaSchedule::kSimple || sigma_schedule_ == SigmaSchedule::kKarras) {
      o.use_karras_sigmas = sigma_schedule_ == SigmaSchedule::kKarras;
      sigma_schedule_.reset();
    }
    return make<UniPCMultistep>(std::move(o), &UniPCOptions::flow_shift);
  }

  // With the shift that was asked for, and the levels if the solver has a choice of them.
  template <typename Solver, typename Options, typename Base>
  [[nodiscard]] std::unique_ptr<Scheduler> make(Options options, double Base::*shift) {
    options.*shift = flow_shift_.value_or(options.*shift);
    if constexpr (std::is_base_of_v<FlowMatchOptions, Options>) {
      options.sigma_schedule = sigma_schedule_.value_or(options.sigma_schedule);
      sigma_schedule_.reset();
    }
    auto made = std::make_unique<Solver>(std::move(options));
    if (sigma_schedule_.value_or(SigmaSchedule::kSimple) != SigmaSchedule::kSimple)
      fail(ErrorCode::kUnsupported,
           "'{}' goes through its own levels of noise, or those that are given; all of sigma_schedule are for "
           "'flow-euler' and 'flow-lcm', and 'karras' for 'unipc'.",
           made->name());
    return made;
  }

  struct Flow {
    int num_train_timesteps;
    double shift;
    double shift_terminal;
  };
  // What a scheduler of another class says about the flow, for the one that replaces it.
  [[nodiscard]] Flow read_flow() {
    const bool shift = config_.has("shift");
    if (!shift && !config_.has("flow_shift"))
      fail(ErrorCode::kUnsupported,
           "{}: {} has neither 'shift' nor 'flow_shift', so its model is no plain flow that '{}' could solve; leave "
           "--scheduler out.",
           config_.path(), class_name_, named_->name);
    const bool any_model =
        class_name_ == kDpmMultistep || class_name_ == kDpmSinglestep || class_name_ == kUniPC;  // not of flows alone
    if (any_model) config_.require("use_flow_sigmas", false, "Swan's solvers run flows only");
    (void)config_.choice("prediction_type", any_model ? "epsilon" : "flow_prediction", {"flow_prediction"});
    config_.refuse("invert_sigmas");
    return {.num_train_timesteps = config_.integer("num_train_timesteps", 1000, 1, 1'000'000),
            .shift = config_.positive(shift ? "shift" : "flow_shift", 1),
            .shift_terminal = read_shift_terminal(config_)};
  }
  template <typename Options>
  [[nodiscard]] Options bend() {
    const Flow flow = read_flow();
    Options o;
    o.num_train_timesteps = flow.num_train_timesteps;
    o.shift = flow.shift;
    o.shift_terminal = flow.shift_terminal;
    return o;
  }
  // Of a solver whose levels cannot end elsewhere than the flow's.
  template <typename Options>
  [[nodiscard]] Options plain(double Options::*shift) {
    config_.refuse("shift_terminal");
    const Flow flow = read_flow();
    Options o;
    o.num_train_timesteps = flow.num_train_timesteps;
    o.*shift = flow.shift;
    return o;
  }

  ConfigReader config_;
  std::string class_name_;
  const Named* named_ = nullptr;  // the solver that was asked for instead
  std::optional<double> flow_shift_;
  std::optional<SigmaSchedule> sigma_schedule_;
};
}  // namespace

std::unique_ptr<Scheduler> make_scheduler(const ConfigSource& source, const std::string& override_name,
                                          std::optional<double> flow_shift, const std::string& sigma_schedule) {
  check_name(override_name);
  if (flow_shift && !(*flow_shift > 0 && std::isfinite(*flow_shift)))
    fail(ErrorCode::kInvalidArgument, "flow_shift is {}; choose a number above zero (3 to 8 is usual).", *flow_shift);
  return Choice(open_config(source), override_name, flow_shift, sigma_schedule).make();
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

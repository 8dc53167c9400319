#pragma once

#include <optional>
#include <string>
#include <vector>

#include "schedulers/config.h"
#include "schedulers/scheduler.h"

namespace swan::schedulers {

/// Names and defaults are those of diffusers.
struct SCMOptions {
  int num_train_timesteps = 1000;
  double sigma_data = 0.5;  ///< standard deviation of the latents that the network was trained on

  /// @throws Error kUnsupported naming an option that is not implemented and its value; kCorruptFile
  [[nodiscard]] static SCMOptions read(ConfigReader& config);
};

/// Which angles a run goes through; names and defaults are those of the reference's set_timesteps.
struct SCMTimesteps {
  double max_timesteps = 1.57080;                        ///< the first, in radians: pi / 2 is noise alone
  std::optional<double> intermediate_timesteps = {1.3};  ///< the second of two; none: all evenly spaced down to 0
  /// All of them instead, without the 0 that ends them; empty: as above.
  std::vector<double> timesteps = {};
  int begin_index = 0;  ///< steps that are left out at the start, as image to image does
};

/// Multistep sampling of a continuous-time consistency model (sCM), of the kind called TrigFlow: the sample is
/// cos(t) x0 + sin(t) z, of an angle t and noise z of standard deviation sigma_data. Each step takes the network's x0
/// and adds fresh noise up to the next angle. timesteps() are the angles, the last angle, 0, left out; sigmas() are the
/// same as the time of a flow, sin / (sin + cos), which Sana-Sprint's network is given.
/// Ref: Lu & Song 2024 (arXiv:2410.11081), Chen et al. 2025 (arXiv:2503.09641); diffusers scheduling_scm.py,
///      SCMScheduler
class SCM final : public Scheduler {
 public:
  explicit SCM(const SCMOptions& options) : options_(options) {}

  /// As Scheduler::set_timesteps, along those angles.
  /// @throws Error kInvalidArgument for more steps than num_train_timesteps, angles that do not descend from at most
  ///         1.5708 to 0 or are not as many as the steps, an intermediate one where there are not two steps, or no step
  ///         left after begin_index
  void set_timesteps(int num_inference_steps, const SCMTimesteps& angles);

  [[nodiscard]] bool needs_noise() const noexcept override { return true; }
  /// Not the last, which goes to angle 0.
  [[nodiscard]] bool step_needs_noise(int i) const noexcept override {
    return static_cast<size_t>(i) + 1 < timesteps().size();
  }
  [[nodiscard]] Tensor predict_x0(const Tensor& model_output, int i, const Tensor& sample, Context& ctx) const override;
  [[nodiscard]] std::string name() const override { return "scm"; }
  [[nodiscard]] nlohmann::json describe() const override;

 private:
  [[nodiscard]] Schedule schedule(const TimestepChoice& choice) const override;
  [[nodiscard]] Tensor advance(const Tensor& model_output, int i, const Tensor& sample, const Tensor& noise,
                               Context& ctx) override;

  SCMOptions options_;
  SCMTimesteps angles_;
};

/// The options of a Sana-Sprint repository's scheduler, which make_scheduler refuses: it is for flows.
/// @param source         its scheduler_config.json
/// @param override_name  empty or "scm"
/// @throws Error kNotFound, kCorruptFile; kUnsupported naming another class, another solver, or an option that Swan
/// does
///         not implement; kInvalidArgument for an unknown name
[[nodiscard]] SCMOptions read_scm_options(const ConfigSource& source, const std::string& override_name = "");

}  // namespace swan::schedulers

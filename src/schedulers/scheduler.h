#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/context.h"
#include "schedulers/config.h"
#include "swan/tensor.h"

namespace swan::schedulers {

/// A solver of the flow from noise (sigma near 1) to latents (sigma 0): it chooses the points in time, and takes a step
/// from one to the next, given what the network predicts at the first. One run at a time; not thread-safe.
class Scheduler {
 public:
  virtual ~Scheduler() = default;

  /// Lays out the points in time and forgets every step taken.
  /// @param num_inference_steps  1 to 1000
  /// @throws Error kInvalidArgument, also where the shift is so extreme that two points fall together
  void set_timesteps(int num_inference_steps);

  /// What the network is given at each step; of SCM the angle that it is made from.
  [[nodiscard]] const std::vector<float>& timesteps() const noexcept { return timesteps_; }
  /// The share of noise in the sample before each step and after the last: one more than timesteps.
  [[nodiscard]] const std::vector<float>& sigmas() const noexcept { return sigmas_; }
  /// Whether each step takes a draw of standard normal numbers of the sample's shape.
  [[nodiscard]] virtual bool needs_noise() const noexcept { return false; }

  /// Takes step i; steps are taken in order, each once.
  /// @param model_output  the network's prediction at timesteps()[i]; [B, C, h, w] f32, as are sample and noise
  /// @param sample        what the last step returned, or the initial noise
  /// @param noise         the draw for this step if needs_noise(), else undefined
  /// @return              the sample for step i + 1
  /// @throws Error kInvalidArgument for a step out of order or noise missing; kShapeMismatch
  [[nodiscard]] Tensor step(const Tensor& model_output, int i, const Tensor& sample, const Tensor& noise, Context& ctx);

  /// The name that make_scheduler takes: "dpmsolver++", "sde-dpmsolver++", "unipc", "flow-euler"; or
  /// "scm", for read_scm_options.
  [[nodiscard]] virtual std::string name() const = 0;
  /// The class and every option in force, under the keys of scheduler_config.json.
  [[nodiscard]] virtual nlohmann::json describe() const = 0;

 protected:
  struct Schedule {
    std::vector<float> timesteps, sigmas;
  };
  [[nodiscard]] virtual Schedule schedule(int num_inference_steps) const = 0;
  /// Forgets what earlier steps left.
  virtual void reset() {}
  [[nodiscard]] virtual Tensor advance(const Tensor& model_output, int i, const Tensor& sample, const Tensor& noise,
                                       Context& ctx) = 0;

 private:
  std::vector<float> timesteps_, sigmas_;
  int next_ = 0;
};

/// The solver of flows that a repository's scheduler_config.json asks for, or another one with the repository's shift.
/// (Sana-Sprint's is none: see schedulers/scm.h.)
/// @param source         its JSON
/// @param override_name  empty, or a name of scheduler_names() to use instead of the repository's
/// @param flow_shift     above zero: instead of the repository's shift, whatever the solver calls it
/// @throws Error kNotFound, kCorruptFile for what is not such a file; kUnsupported naming a class or an option and its
///         value that Swan does not implement; kInvalidArgument for an unknown name or an impossible shift
[[nodiscard]] std::unique_ptr<Scheduler> make_scheduler(const ConfigSource& source,
                                                        const std::string& override_name = "",
                                                        std::optional<double> flow_shift = std::nullopt);

}  // namespace swan::schedulers

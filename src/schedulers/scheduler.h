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

/// Which points in time a run goes through; names and meaning are those of the reference's set_timesteps.
struct TimestepChoice {
  int num_inference_steps = 0;      ///< 0: as many as the list has
  std::vector<double> sigmas = {};  ///< levels of noise, from 1 down, without the 0 that ends them; empty: the solver's
  std::vector<double> timesteps =
      {};  ///< what the network is given, from num_train_timesteps down; empty: the solver's
};

/// The points in time of a run.
struct Schedule {
  std::vector<float> timesteps, sigmas;  ///< as Scheduler's
  std::vector<float> levels = {};        ///< each level once, where sigmas have some of them twice
};

/// A solver of the flow from noise (sigma near 1) to latents (sigma 0): it chooses the points in time, and takes a step
/// from one to the next, given what the network predicts at the first. One run at a time; not thread-safe.
class Scheduler {
 public:
  virtual ~Scheduler() = default;

  /// Lays out the points in time and forgets every step taken.
  /// @param num_inference_steps  1 to 1000
  /// @throws Error kInvalidArgument, also where the shift is so extreme that two points fall together
  void set_timesteps(int num_inference_steps) { set_timesteps(TimestepChoice{num_inference_steps}); }
  /// The same along given points.
  /// @throws Error kInvalidArgument for lists that do not descend, leave their range, contradict the number of steps or
  ///         come both; kUnsupported where the solver does not take such a list
  void set_timesteps(const TimestepChoice& choice);

  /// Which lists set_timesteps takes. @see TimestepChoice
  enum class Lists { kNone, kSigmas, kBoth };
  [[nodiscard]] virtual Lists lists() const noexcept { return Lists::kNone; }

  /// How many of timesteps() stand for each step that was asked for, but the last.
  [[nodiscard]] virtual int order() const noexcept { return 1; }
  /// Leaves the first timesteps out, for a sample that is there: step() is next asked for number `first`, with no
  /// history. @param first  0 to the number of timesteps - 1, a multiple of order()
  void set_begin_index(int first);

  /// What the network is given at each step; of SCM the angle that it is made from.
  [[nodiscard]] const std::vector<float>& timesteps() const noexcept { return timesteps_; }
  /// The share of noise in the sample before each step and after the last: one more than timesteps.
  [[nodiscard]] const std::vector<float>& sigmas() const noexcept { return sigmas_; }
  /// Whether each step takes a draw of standard normal numbers of the sample's shape.
  [[nodiscard]] virtual bool needs_noise() const noexcept { return false; }
  /// Whether step i takes one.
  [[nodiscard]] virtual bool step_needs_noise(int /*i*/) const noexcept { return needs_noise(); }
  /// What the initial noise is multiplied by.
  [[nodiscard]] virtual float init_noise_sigma() const { return 1; }
  /// Latents with the noise of that point: (1 - sigmas()[i]) * latents + sigmas()[i] * noise, of one shape, f32.
  [[nodiscard]] Tensor add_noise(const Tensor& latents, const Tensor& noise, int i, Context& ctx) const;

  /// What the network takes the sample for, with all noise gone, at step i: of a flow sample - sigma * model_output.
  /// Arguments as of step. @return  f32, on their device
  [[nodiscard]] virtual Tensor predict_x0(const Tensor& model_output, int i, const Tensor& sample, Context& ctx) const;

  /// Takes step i; steps are taken in order, each once.
  /// @param model_output  the network's prediction at timesteps()[i]; [B, C, h, w] f32, as are sample and noise
  /// @param sample        what the last step returned, or the initial noise
  /// @param noise         the draw for this step if step_needs_noise(i); not looked at otherwise
  /// @return              the sample for step i + 1
  /// @throws Error kInvalidArgument for a step out of order or noise missing; kShapeMismatch
  [[nodiscard]] Tensor step(const Tensor& model_output, int i, const Tensor& sample, const Tensor& noise, Context& ctx);

  /// The name that make_scheduler takes, one of scheduler_names(); or "scm", for read_scm_options.
  [[nodiscard]] virtual std::string name() const = 0;
  /// The class and every option in force, under the keys of scheduler_config.json.
  [[nodiscard]] virtual nlohmann::json describe() const = 0;

 protected:
  /// @param choice  checked, with the number of steps filled in
  [[nodiscard]] virtual Schedule schedule(const TimestepChoice& choice) const = 0;
  /// The largest of timesteps that can be given.
  [[nodiscard]] virtual int num_train_timesteps() const { return 1000; }
  /// Forgets what earlier steps left.
  virtual void reset() {}
  /// The first step that is taken.
  [[nodiscard]] int begin_index() const noexcept { return begin_; }
  [[nodiscard]] virtual Tensor advance(const Tensor& model_output, int i, const Tensor& sample, const Tensor& noise,
                                       Context& ctx) = 0;

 private:
  std::vector<float> timesteps_, sigmas_;
  int begin_ = 0, next_ = 0;
};

/// The solver of flows that a repository's scheduler_config.json asks for, or another one with the repository's shift.
/// (Sana-Sprint's is none: see schedulers/scm.h.)
/// @param source         its JSON
/// @param override_name  empty, or a name of scheduler_names() to use instead of the repository's
/// @param flow_shift     above zero: instead of the repository's shift, whatever the solver calls it; a repository
/// whose
///                       shift depends on the picture's size needs it
/// @param sigma_schedule  empty: the repository's; or a name of sigma_schedule_names()
/// @throws Error kNotFound, kCorruptFile for what is not such a file; kUnsupported naming a class or an option and its
///         value that Swan does not implement; kInvalidArgument for an unknown name or an impossible shift
[[nodiscard]] std::unique_ptr<Scheduler> make_scheduler(const ConfigSource& source,
                                                        const std::string& override_name = "",
                                                        std::optional<double> flow_shift = std::nullopt,
                                                        const std::string& sigma_schedule = "");

}  // namespace swan::schedulers

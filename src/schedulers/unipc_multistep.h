#pragma once

#include <array>
#include <set>
#include <string>
#include <utility>

#include "schedulers/config.h"
#include "schedulers/scheduler.h"

namespace swan::schedulers {

/// The options of UniPC that mean something for a flow; names and defaults are those of diffusers.
struct UniPCOptions {
  static constexpr int kMaxOrder = 3;

  int num_train_timesteps = 1000;
  double flow_shift = 1;
  double shift_terminal = 0;  ///< the last level before 0; 0: as it comes
  /// Karras's noise levels instead, without a shift. The reference has the others too, but leaves them as those of
  /// another process than a flow.
  bool use_karras_sigmas = false;
  double sigma_min = 0,
         sigma_max = 0;  ///< of Karras's levels, sigma / (1 - sigma) of the flow's; 0: those of the betas
  double beta_start = 0.0001, beta_end = 0.02;
  bool scaled_linear = false;     ///< beta_schedule "scaled_linear" rather than "linear"
  int solver_order = 2;           ///< 1 to 3
  bool lower_order_final = true;  ///< the order falls to 1 at the last step; without that only order 1 is finite there
  std::set<int> disable_corrector;  ///< steps after which the sample is not corrected, counted from 0

  /// @throws Error kUnsupported naming an option that is not implemented and its value; kCorruptFile
  [[nodiscard]] static UniPCOptions read(ConfigReader& config);
};

/// UniPC over flow sigmas, with B(h) = exp(h) - 1 ("bh2"): each prediction of the network first corrects the sample
/// that it was made from, then predicts the next one.
/// Ref: Zhao et al. 2023 (arXiv:2302.04867); diffusers scheduling_unipc_multistep.py, UniPCMultistepScheduler
class UniPCMultistep final : public Scheduler {
 public:
  explicit UniPCMultistep(UniPCOptions options) : options_(std::move(options)) {}

  [[nodiscard]] Lists lists() const noexcept override { return Lists::kSigmas; }
  [[nodiscard]] std::string name() const override { return "unipc"; }
  [[nodiscard]] nlohmann::json describe() const override;

 private:
  [[nodiscard]] Schedule schedule(const TimestepChoice& choice) const override;
  void reset() override;
  [[nodiscard]] Tensor advance(const Tensor& model_output, int i, const Tensor& sample, const Tensor& noise,
                               Context& ctx) override;
  /// The sample after step s: predicted, or corrected where the prediction there is given.
  [[nodiscard]] Tensor update(int s, const Tensor& sample, const Tensor& x0_at_t, Context& ctx) const;
  [[nodiscard]] int order_of(int i) const;
  [[nodiscard]] double lambda(int i) const;

  UniPCOptions options_;
  std::array<Tensor, UniPCOptions::kMaxOrder> x0_;  // what the network took the latents to be, the latest first
  Tensor last_sample_;                              // what the last step started from, corrected
};

}  // namespace swan::schedulers

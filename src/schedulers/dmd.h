#pragma once

#include <string>

#include "schedulers/scheduler.h"

namespace swan::schedulers {

struct DMDOptions {
  int num_train_timesteps = 1000;
  double shift = 1;
};

/// How networks distilled by distribution matching (DMD: FastWan, CausVid, Self-Forcing) and rCM's are run: to what the
/// network takes the latents to be, and back with fresh noise to the next of a few timesteps. It is FlowMatchLCM's step
/// along other points:
///   - timesteps that are given are times of the shifted flow itself, with the noise of the nearest of the training
///     table's num_train_timesteps points; FlowMatchLCM shifts them once more;
///   - sigmas that are given are shifted, as FlowMatchLCM's;
///   - else n points, evenly spaced from noise alone to data and shifted: what these networks' own code calls warped
///     denoising steps, of 1000, 750, 500, 250 for n = 4.
/// The sample begins as noise times the first sigma, which is 1 but for rCM.
/// Ref: Yin et al. 2024 (arXiv:2405.14867); FastVideo pipelines/stages, DmdDenoisingStage; NVlabs/rcm
///      rcm/inference/wan2pt1_t2v_rcm_infer.py
class DMD final : public Scheduler {
 public:
  explicit DMD(const DMDOptions& options) : options_(options) {}

  [[nodiscard]] bool needs_noise() const noexcept override { return true; }
  [[nodiscard]] Lists lists() const noexcept override { return Lists::kBoth; }
  [[nodiscard]] float init_noise_sigma() const override { return sigmas().front(); }
  [[nodiscard]] std::string name() const override { return "dmd"; }
  [[nodiscard]] nlohmann::json describe() const override;

 private:
  [[nodiscard]] Schedule schedule(const TimestepChoice& choice) const override;
  [[nodiscard]] int num_train_timesteps() const override { return options_.num_train_timesteps; }
  [[nodiscard]] Tensor advance(const Tensor& model_output, int i, const Tensor& sample, const Tensor& noise,
                               Context& ctx) override;

  DMDOptions options_;
};

}  // namespace swan::schedulers

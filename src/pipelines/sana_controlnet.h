#pragma once

#include <string>

#include "models/sana_controlnet.h"
#include "pipelines/sana.h"

namespace swan::pipelines {

/// Text to image with Sana and a ControlNet, a second network that sees a control image: edges, for instance, which the
/// picture then has. It runs before the transformer in every step, and what its blocks make is added within.
/// Ref: diffusers pipelines/sana/pipeline_sana_controlnet.py, SanaControlNetPipeline
class SanaControlNetPipeline final : public SanaPipeline {
 public:
  /// The ControlNet is that of LoadOptions::controlnet, else the repository's own.
  /// @throws Error naming what is missing, or where the ControlNet was not made for the transformer
  SanaControlNetPipeline(io::Repository repository, std::string model_name, const LoadOptions& options);

 private:
  void plan_sampling(Plan& plan) const override;
  [[nodiscard]] const char* class_name(const Plan& /*plan*/) const override { return "SanaControlNetPipeline"; }
  [[nodiscard]] bool takes_pag() const override { return false; }
  [[nodiscard]] bool controlled() const override { return true; }
  [[nodiscard]] BlockSamples block_samples(const Plan& plan, const PromptEmbeddings& prompts,
                                           const Tensor& image_latents, Context& ctx) override;
  [[nodiscard]] Tensor denoise(const Plan& plan, const PromptEmbeddings& prompts, const Tensor& image_latents,
                               Stages& stages, Context& ctx) override;
  void load_controlnet();

  std::string directory_;
  models::SanaConfig config_;
  ResidentNetwork<models::SanaControlNetModel> controlnet_;
};

}  // namespace swan::pipelines

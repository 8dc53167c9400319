#pragma once

#include <string>

#include "pipelines/sana.h"
#include "schedulers/scm.h"

namespace swan::pipelines {

/// Text to image, and image to image, with Sana-Sprint: Sana distilled to one to four steps. Its transformer is given
/// the guidance scale as a number, so that there is no second pass and no negative prompt. Ref: Chen et al. 2025
/// (arXiv:2503.09641); diffusers pipelines/sana/pipeline_sana_sprint.py, SanaSprintPipeline, and
///      pipeline_sana_sprint_img2img.py, SanaSprintImg2ImgPipeline
class SanaSprintPipeline final : public SanaPipeline {
 public:
  SanaSprintPipeline(io::Repository repository, std::string model_name, const LoadOptions& options);

  [[nodiscard]] ImageDefaults defaults() const override { return {.num_inference_steps = 2, .negative_prompt = false}; }

 private:
  void plan_sampling(Plan& plan) const override;
  [[nodiscard]] const char* class_name(const Plan& plan) const override {
    return plan.request.image ? "SanaSprintImg2ImgPipeline" : "SanaSprintPipeline";
  }
  [[nodiscard]] bool takes_pag() const override { return false; }
  [[nodiscard]] Tensor denoise(const Plan& plan, const PromptEmbeddings& prompts, const Tensor& image_latents,
                               Stages& stages, Context& ctx) override;
  [[nodiscard]] Tensor prepare_latents(const Plan& plan, const Tensor& image_latents, const Tensor& start,
                                       Context& ctx) const;
  [[nodiscard]] float sigma_data() const { return static_cast<float>(scheduler_options_.sigma_data); }

  schedulers::SCMOptions scheduler_options_;
};

}  // namespace swan::pipelines

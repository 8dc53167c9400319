#pragma once

#include "io/repository.h"
#include "models/autoencoder_dc.h"
#include "models/sana_transformer.h"
#include "pipelines/aspect_ratio.h"
#include "pipelines/compute.h"
#include "pipelines/embed_store.h"
#include "pipelines/prompt_encoder.h"
#include "pipelines/resident_network.h"
#include "schedulers/scheduler.h"
#include "swan/pipeline.h"

namespace swan::pipelines {

class Stages;

/// Text to image with Sana. Ref: diffusers pipelines/sana/pipeline_sana.py, SanaPipeline
class SanaPipeline : public ImagePipeline {
 public:
  SanaPipeline(io::Repository repository, std::string model_name, const LoadOptions& options);
  ~SanaPipeline() override;

  [[nodiscard]] ImageResult generate(const ImageRequest& request, const Callbacks& callbacks) override;
  [[nodiscard]] PromptEmbeddings embed(const ImageRequest& request, const Callbacks& callbacks) override;
  [[nodiscard]] int64_t default_size() const override;

 private:
  struct Plan;  // a request with its defaults filled in and its sizes decided

  [[nodiscard]] Plan check_inputs(const ImageRequest& request) const;
  [[nodiscard]] std::vector<std::string> instruction_of(const ImageRequest& request) const;
  [[nodiscard]] PromptEncoder& encoder();
  [[nodiscard]] PromptEmbeddings encode_prompt(const Plan& plan, Context& ctx);
  [[nodiscard]] Tensor denoise(const Plan& plan, const PromptEmbeddings& prompts, Stages& stages, Context& ctx);
  [[nodiscard]] std::vector<Image> decode(const Plan& plan, const Tensor& latents, Stages& stages, Context& ctx);
  void load_transformer();
  void load_vae();

  io::Repository repository_;
  std::string model_name_;
  LoadOptions options_;
  Compute compute_;
  models::SanaConfig transformer_config_;
  models::AutoencoderDCConfig vae_config_;
  EmbedStore store_;
  std::unique_ptr<PromptEncoder> encoder_;
  ResidentNetwork<models::SanaTransformer2DModel> transformer_;
  ResidentNetwork<models::AutoencoderDC> vae_;
};

}  // namespace swan::pipelines

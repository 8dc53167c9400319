#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/repository.h"
#include "models/autoencoder_dc.h"
#include "models/sana_transformer.h"
#include "pipelines/adapters.h"
#include "pipelines/aspect_ratio.h"
#include "pipelines/compute.h"
#include "pipelines/embed_store.h"
#include "pipelines/inpainting.h"
#include "pipelines/latent_preview.h"
#include "pipelines/pag.h"
#include "pipelines/prompt_encoder.h"
#include "pipelines/resident_network.h"
#include "pipelines/tiny_vae.h"
#include "schedulers/scheduler.h"
#include "swan/pipeline.h"

namespace swan::pipelines {

class Noise;
class Stages;

/// Text to image with Sana. Ref: diffusers pipelines/sana/pipeline_sana.py, SanaPipeline
class SanaPipeline : public ImagePipeline {
 public:
  SanaPipeline(io::Repository repository, std::string model_name, const LoadOptions& options)
      : SanaPipeline(std::move(repository), std::move(model_name), options, /*guidance_embeds=*/false) {}
  ~SanaPipeline() override;

  [[nodiscard]] ImageResult generate(const ImageRequest& request, const Callbacks& callbacks) override;
  [[nodiscard]] PromptEmbeddings embed(const ImageRequest& request, const Callbacks& callbacks) override;
  void set_loras(const std::vector<Lora>& loras) override;
  [[nodiscard]] int64_t default_size() const override;
  [[nodiscard]] ImageDefaults defaults() const override { return {}; }

 protected:
  /// @param guidance_embeds  whether the transformer must take a guidance embedding, or must not
  SanaPipeline(io::Repository repository, std::string model_name, const LoadOptions& options, bool guidance_embeds);

  // A request with its defaults filled in and its sizes decided.
  struct Plan {
    explicit Plan(const ImageRequest& r) : request(r) {}
    const ImageRequest& request;
    int64_t prompts = 0;
    int64_t batch = 0;                         // pictures
    Size size = {0, 0};                        // as delivered
    Size render = {0, 0};                      // as made: the bin, or the same
    Shape latents;                             // [batch, C, h, w]
    std::vector<std::string> negative_prompt;  // one for each prompt
    std::vector<std::string> instruction;
    int num_inference_steps = 0;                       // as asked for
    bool guided = false;                               // by a second pass with the negative prompt
    Pag pag;                                           // by a further pass that is perturbed
    std::vector<bool> pag_blocks;                      // which blocks do that
    double strength = 0;                               // where there is a picture to start from
    int first_step = 0;                                // of the scheduler's
    std::optional<PixelMask> mask;                     // what of that picture is drawn anew, of the size of render
    std::optional<Image> control_image;                // as the ControlNet is shown it, of the size of render
    std::unique_ptr<schedulers::Scheduler> scheduler;  // its timesteps are those to come

    // What the vae encodes: a picture to start from, or one to be controlled by; null: nothing.
    [[nodiscard]] const Image* picture() const {
      return control_image ? &*control_image : request.image ? &*request.image : nullptr;
    }
  };

  // What the kinds of Sana differ in: how they get from noise to latents.
  // Checks what the request says of it, and sets guided, strength, control_image and the scheduler. The rest of the
  // plan is there.
  virtual void plan_sampling(Plan& plan) const;
  // The class in diffusers that does what is asked for.
  [[nodiscard]] virtual const char* class_name(const Plan& plan) const {
    return plan.pag.used() ? "SanaPAGPipeline" : "SanaPipeline";
  }
  // Checks what the request says of a picture to start from, and sets strength and mask.
  // @return  how many of the steps it stands for
  [[nodiscard]] int plan_picture(Plan& plan) const;
  // What keeps the unmasked latents in place; nothing where there is no mask. @param noise  that they start with
  [[nodiscard]] static std::optional<LatentBlend> blend(const Plan& plan, const Tensor& image_latents,
                                                        const Tensor& noise, Context& ctx);
  // Whether attention may be perturbed. Otherwise asking for it is an error.
  [[nodiscard]] virtual bool takes_pag() const { return true; }
  // Whether there is a ControlNet, which a control image is for.
  [[nodiscard]] virtual bool controlled() const { return false; }
  // What is added within the transformer in each step, recorded with it. @param latents  [rows, C, h, w], as the
  // transformer takes them;  @param timestep  [rows]
  using BlockSamples = std::function<std::vector<Tensor>(const Tensor& latents, const Tensor& timestep)>;
  // Called once a run; empty: nothing is added. @param image_latents  as of denoise
  [[nodiscard]] virtual BlockSamples block_samples(const Plan& /*plan*/, const PromptEmbeddings& /*prompts*/,
                                                   const Tensor& /*image_latents*/, Context& /*ctx*/) {
    return {};
  }
  // @param image_latents  [1, C, h, w] f32, of plan.picture(), times scaling_factor; undefined: there is none
  // @return               [B, C, h, w] f32 on the host, as the decoder takes them times scaling_factor
  [[nodiscard]] virtual Tensor denoise(const Plan& plan, const PromptEmbeddings& prompts, const Tensor& image_latents,
                                       Stages& stages, Context& ctx);

  [[nodiscard]] const io::Repository& repository() const noexcept { return repository_; }
  [[nodiscard]] const LoadOptions& load_options() const noexcept { return options_; }
  [[nodiscard]] const Compute& compute() const noexcept { return compute_; }
  [[nodiscard]] const models::SanaConfig& transformer_config() const noexcept { return transformer_config_; }
  // The transformer, which is there while denoise runs, and a context of the dtype that it computes in.
  [[nodiscard]] const models::SanaTransformer2DModel& transformer() const noexcept { return *transformer_; }
  [[nodiscard]] Context network_context(const Context& ctx) const;
  [[nodiscard]] ReplayHome& replays() noexcept { return transformer_.replays(); }
  [[nodiscard]] const LatentPreview& preview() const noexcept { return preview_; }

 private:
  [[nodiscard]] Plan check_inputs(const ImageRequest& request) const;
  void check_control(const ImageRequest& request) const;
  void plan_pag(Plan& plan) const;
  [[nodiscard]] std::vector<std::string> instruction_of(const ImageRequest& request) const;
  [[nodiscard]] PromptEncoder& encoder();
  [[nodiscard]] PromptEmbeddings encode_prompt(const Plan& plan, Context& ctx);
  [[nodiscard]] Tensor encode_image(const Plan& plan, Context& ctx);
  [[nodiscard]] std::vector<Image> decode(const Plan& plan, const Tensor& latents, Stages& stages, Context& ctx);
  void load_transformer();
  void load_vae(ResidentNetwork<models::AutoencoderDC>& vae, models::AutoencoderDC::Halves half);

  io::Repository repository_;
  std::string model_name_;
  LoadOptions options_;
  Compute compute_;
  models::SanaConfig transformer_config_;
  models::AutoencoderDCConfig vae_config_;
  TransformerAdapters adapters_;
  EmbedStore store_;
  LatentPreview preview_;
  std::unique_ptr<PromptEncoder> encoder_;
  ResidentNetwork<models::SanaTransformer2DModel> transformer_;
  ResidentNetwork<models::AutoencoderDC> vae_;          // its decoder
  TinyVae tiny_;                                        // instead of that
  ResidentNetwork<models::AutoencoderDC> vae_encoder_;  // for Plan::picture
};

}  // namespace swan::pipelines

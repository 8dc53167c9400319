#pragma once

#include "io/repository.h"
#include "models/autoencoder_kl_wan.h"
#include "models/wan_transformer.h"
#include "pipelines/adapters.h"
#include "pipelines/aspect_ratio.h"
#include "pipelines/compute.h"
#include "pipelines/embed_store.h"
#include "pipelines/latent_preview.h"
#include "pipelines/resident_network.h"
#include "pipelines/tiny_vae.h"
#include "pipelines/umt5_prompt_encoder.h"
#include "schedulers/scheduler.h"
#include "swan/video_pipeline.h"

namespace swan::pipelines {

class Stages;

/// Text to video, and video to video, with Wan 2.1. Ref: diffusers pipelines/wan/pipeline_wan.py, WanPipeline, and
/// pipeline_wan_video2video.py, WanVideoToVideoPipeline
class WanPipeline : public VideoPipeline {
 public:
  WanPipeline(io::Repository repository, std::string model_name, const LoadOptions& options);
  ~WanPipeline() override;

  [[nodiscard]] VideoResult generate(const VideoRequest& request, const VideoCallbacks& callbacks) override;
  void set_loras(const std::vector<Lora>& loras) override;
  [[nodiscard]] const VideoDefaults& defaults() const override { return defaults_; }
  [[nodiscard]] PromptEmbeddings embed(const std::vector<std::string>& prompts, int max_sequence_length,
                                       const Callbacks& callbacks) override;

 private:
  struct Plan;  // a request with its defaults filled in and its sizes decided
  struct Text {
    Tensor positive, negative;  // [prompts, L, D]; negative undefined without guidance
  };

  [[nodiscard]] Plan check_inputs(const VideoRequest& request) const;
  static void plan_video(Plan& plan);
  [[nodiscard]] UMT5PromptEncoder& encoder();
  [[nodiscard]] Text encode_prompt(const Plan& plan, Context& ctx);
  // The clip to start from, as latents with the autoencoder's statistics taken off: [1, C, T, h, w] f32.
  [[nodiscard]] Tensor encode_video(const Plan& plan, Context& ctx);
  // @param clip  what encode_video gave; undefined: there is none
  [[nodiscard]] Tensor denoise(const Plan& plan, const Text& text, const Tensor& clip, Stages& stages, Context& ctx);
  void decode(const Plan& plan, const Tensor& latents, const VideoCallbacks& callbacks, VideoResult& result,
              Stages& stages, Context& ctx);
  void load_transformer();
  void load_vae(ResidentNetwork<models::AutoencoderKLWan>& vae, models::AutoencoderKLWan::Halves half);

  io::Repository repository_;
  std::string model_name_;
  LoadOptions options_;
  Compute compute_;
  models::WanConfig transformer_config_;
  models::AutoencoderKLWanConfig vae_config_;
  VideoDefaults defaults_;
  TransformerAdapters adapters_;
  EmbedStore store_;
  LatentPreview preview_;
  std::unique_ptr<UMT5PromptEncoder> encoder_;
  ResidentNetwork<models::WanTransformer3DModel> transformer_;
  ResidentNetwork<models::AutoencoderKLWan> vae_;          // its decoder
  ResidentNetwork<models::AutoencoderKLWan> vae_encoder_;  // for VideoRequest::video
  TinyVae tiny_;                                           // decodes instead of that
};

}  // namespace swan::pipelines

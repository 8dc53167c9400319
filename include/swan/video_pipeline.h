#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "swan/pipeline.h"

namespace swan {

/// What to film. Names are those of diffusers' WanPipeline.__call__; what is not set takes the model's own default,
/// else the reference's, which stands in brackets.
struct VideoRequest {
  std::vector<std::string> prompt = {};             ///< one or more, UTF-8; or embeddings instead
  std::vector<std::string> negative_prompt = {""};  ///< one for all prompts, or as many as prompts
  std::optional<int64_t> height;                    ///< pixels [480], a multiple of 16
  std::optional<int64_t> width;                     ///< pixels [832], a multiple of 16
  std::optional<int64_t> num_frames;                ///< [81]; 1 + 4n, others are rounded down to that with a warning
  std::optional<int> num_inference_steps;           ///< [50]
  std::optional<double> guidance_scale;             ///< [5]; guidance runs when above 1
  int num_videos_per_prompt = 1;
  /// One seed: one generator draws the whole batch. As many seeds as videos: a list of generators, one each.
  std::vector<uint64_t> seed = {0};
  std::string scheduler;             ///< empty: the repository's; else a name of scheduler_names()
  std::optional<double> flow_shift;  ///< instead of the repository's
  // As ImageRequest's.
  std::string sigma_schedule;
  std::vector<double> sigmas = {}, timesteps = {};
  Tensor latents;                  ///< [B, C, T, h, w] f32 initial noise instead of the seed's
  PromptEmbeddings prompt_embeds;  ///< instead of prompt: its text encoder is not needed then
  PromptEmbeddings negative_prompt_embeds;
  /// Frames to start from instead of noise alone, as many as num_frames or more: the first are taken, scaled to height
  /// and width. One picture stands for all frames. Latents cannot be given too. num_frames is then, if not set, the
  /// largest that they suffice for.
  std::vector<Image> video = {};
  /// How far to leave the frames behind, 0 to 1, where all steps are taken; default 0.8. Of N steps the last
  /// N * strength, rounded down, are taken. Nothing without frames.
  std::optional<double> strength;
  /// Which part of all frames is drawn anew, a picture of their size: white is, black is kept to the bit, grey is
  /// mixed.
  std::optional<Image> mask;
  int max_sequence_length = 512;        ///< tokens
  std::optional<VaeTiling> vae_tiling;  ///< decode in tiles of these sizes, as diffusers does; not set: whole
  bool decode = true;                   ///< false: only latents are returned (output_type "latent")
};

/// How a network is run that was distilled to a few steps without guidance; see docs/SCHEDULERS.md.
struct VideoPreset {
  std::string name;         ///< "fastwan"
  std::string description;  ///< the models that it is for
  int num_inference_steps = 4;
  double guidance_scale = 1;
  double flow_shift = 5;
  std::string scheduler;
  std::vector<double> sigmas = {}, timesteps = {};
};
[[nodiscard]] SWAN_API const std::vector<VideoPreset>& video_presets();
/// Fills in what the request does not say. Its own scheduler, number of steps other than the preset's, sigmas or
/// timesteps leave the preset's sigmas and timesteps out.
/// @param name  of video_presets(). @throws Error kInvalidArgument listing the names
SWAN_API void apply_preset(const std::string& name, VideoRequest& request);

/// The defaults that a model's repository gives, in generation_config.json, else the reference's.
struct VideoDefaults {
  int64_t height = 480, width = 832, num_frames = 81;
  int num_inference_steps = 50;
  double guidance_scale = 5.0;
  std::string preset = {};  ///< of a repository of a distilled model: applied to every request; else empty
};

/// One frame of the result.
struct VideoFrame {
  int64_t video = 0;  ///< which of prompts x num_videos_per_prompt
  int64_t frame = 0;  ///< from 0
  Image image;
};

/// What is known of a run before its first frame.
struct VideoPlan {
  int64_t videos = 0, height = 0, width = 0, num_frames = 0;
  std::vector<std::string> parameters;  ///< as VideoResult::parameters
};

struct VideoCallbacks : Callbacks {
  /// Called once all is checked and the latents are done, before the first frame.
  std::function<void(const VideoPlan&)> begin;
  /// Called with each frame as it is decoded, the frames of one video in order and one video after another: a caller
  /// that writes them at once needs no memory for the clip. Not set: the frames are only in VideoResult::frames.
  std::function<void(VideoFrame&&)> frame;
};

struct VideoResult {
  /// For each video its frames; empty where VideoCallbacks::frame took them.
  std::vector<std::vector<Image>> frames;
  std::vector<bool> blocked;  ///< by Callbacks::inspect; a blocked video ends with the frame before
  Tensor latents;             ///< [B, C, T, h, w] f32, before the autoencoder's statistics are put back
  /// For each video its settings as a JSON object, enough to repeat the run exactly: see
  /// video_request_from_parameters.
  std::vector<std::string> parameters;
  int64_t height = 0, width = 0, num_frames = 0;
  std::vector<std::pair<std::string, double>> seconds;           ///< per stage: encode, denoise, decode
  std::vector<std::pair<std::string, size_t>> stage_peak_bytes;  ///< largest resident set seen within each stage
  size_t peak_bytes = 0;                                         ///< largest resident set of the process so far
};

/// A text-to-video and video-to-video pipeline over one repository in diffusers' layout. Networks are loaded when their
/// stage needs them and leave memory after it: the text encoder is streamed from its file layer by layer. One generate
/// at a time per object.
class SWAN_API VideoPipeline {
 public:
  virtual ~VideoPipeline();
  /// Opens a repository: reads its index and configurations and checks that the files are there.
  /// @param path  a folder with model_index.json, or the file of a transformer; empty: LoadOptions::transformer if that
  ///              is given, else the embedded model, see default_video_model
  /// @throws Error naming the file that is missing or damaged and what to do
  [[nodiscard]] static std::unique_ptr<VideoPipeline> open(const std::string& path, const LoadOptions& options = {});

  /// @throws Error kInvalidArgument for a request that cannot be met, kCancelled, kNumerical naming stage and step, ...
  [[nodiscard]] virtual VideoResult generate(const VideoRequest& request, const VideoCallbacks& callbacks = {}) = 0;
  [[nodiscard]] virtual const VideoDefaults& defaults() const = 0;
  /// As ImagePipeline::set_loras.
  virtual void set_loras(const std::vector<Lora>& loras) = 0;
  /// Embeddings of prompts, as a request takes them: [B, L, D] and the mask. @throws Error as generate
  [[nodiscard]] virtual PromptEmbeddings embed(const std::vector<std::string>& prompts, int max_sequence_length,
                                               const Callbacks& callbacks = {}) = 0;
};

/// The settings in a video's "swan" metadata, as a request, with the model path and load options they name.
struct RepeatableVideoRequest {
  std::string model;  ///< empty: the embedded model
  LoadOptions load;
  VideoRequest request;
  int64_t index = 0;  ///< which video of that request's the metadata came from
};
/// @throws Error kCorruptFile when the JSON is not what Swan writes for a video; kInvalidArgument naming what cannot be
///         repeated (initial latents or embeddings that came from a file)
[[nodiscard]] SWAN_API RepeatableVideoRequest video_request_from_parameters(const std::string& json);

/// The folder of the embedded video model, found as default_image_model is.
[[nodiscard]] SWAN_API std::string default_video_model();

}  // namespace swan

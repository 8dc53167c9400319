#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "swan/image.h"
#include "swan/lora.h"
#include "swan/tensor.h"

namespace swan {

/// Where the embeddings of prompts are kept on disk, so that a prompt met before needs no text encoder. Shared by
/// models and by processes; entries tell encoder, tokenizer, prompt and length apart. The least recently used go first.
struct EmbedCacheOptions {
  std::string directory = {};                ///< empty: none on disk
  uint64_t max_bytes = uint64_t{256} << 20;  ///< of all entries together
};
/// $SWAN_EMBED_CACHE if set ("off": none), else swan/embeddings in $XDG_CACHE_HOME or ~/.cache.
[[nodiscard]] SWAN_API EmbedCacheOptions default_embed_cache();

/// How to open a model.
struct LoadOptions {
  std::string variant = {};  ///< "fp16" picks model.fp16.safetensors; empty: the plain files
  /// auto ($SWAN_DTYPE if set), f32, bf16, f16, fp8. On the CPU: the storage of the weights (auto: as stored); it
  /// computes in f32. On a GPU: what networks compute in (auto: as the weights are stored, but bf16 for text encoders
  /// and transformers in f32). fp8: as auto, but the big linear layers of the transformer multiply in e4m3, which needs
  /// a GPU of compute capability 8.9 or newer.
  std::string dtype = "auto";
  /// auto ($SWAN_DEVICE if set, else a GPU where there is one), cpu, cuda, or cuda:1 for the second GPU
  std::string device = "auto";
  /// The most bytes of a GPU's memory to use, 600 MiB of them for its driver; 0: as many as there are.
  /// Networks that do not fit are brought to the GPU piece by piece. Results do not depend on it.
  uint64_t memory_budget = 0;
  EmbedCacheOptions embed_cache = {};  ///< none on disk unless asked for
  std::vector<Lora> lora = {};         ///< of the transformer, all at once; computed beside its weights
  bool lora_lenient = false;           ///< tensors of a LoRA that belong to nothing are a warning, not an error
  /// Merge LoRAs into copies of the weights, rounded to their dtype, instead of computing them beside the weights: no
  /// time a step, but memory for the copies.
  bool fuse_lora = false;
  /// The folder of a SanaControlNetModel (config.json beside its weights) or of a whole SanaControlNetPipeline. Empty:
  /// that of the repository, if it is a SanaControlNetPipeline's. Pictures of Sana alone.
  std::string controlnet = {};
  // Components from elsewhere, instead of the repository's, or without one: a transformer's class then says which
  // pipeline it is, with its usual scheduler. Each is a file (safetensors and whatever else Swan reads, in diffusers'
  // or the publisher's own names), a component's folder, or the folder of a whole model whose component it is then.
  std::string transformer = {};
  std::string text_encoder = {};
  /// Besides those: a tiny autoencoder's decoder (TAESANA for Sana, TAEW2.1 for Wan), which decodes at a fraction of
  /// the time, for quick looks. Pictures to start from are encoded by the repository's vae even then.
  std::string vae = {};
  /// A folder, or tokenizer.model, spiece.model or tokenizer.json. Empty: that in the text encoder's file, if it holds
  /// one, else the repository's.
  std::string tokenizer = {};
};

/// What a text encoder makes of prompts: of `swan embed`, or a mixture of such.
struct PromptEmbeddings {
  Tensor embeds;          ///< [B, L, D] f32
  Tensor attention_mask;  ///< [B, L] i32, 1 = token; embeds are zero elsewhere
  [[nodiscard]] bool defined() const { return embeds.defined(); }
};
/// Reads tensors "prompt_embeds" [B, L, D] and "prompt_attention_mask" [B, L] of a safetensors file; with `negative`
/// those named "negative_prompt_embeds" and so on, undefined when the file has none.
/// @throws Error kNotFound, kCorruptFile, kMissingTensor
[[nodiscard]] SWAN_API PromptEmbeddings load_prompt_embeddings(const std::string& path, bool negative = false);
/// Writes what load_prompt_embeddings reads. @param negative  undefined: none
SWAN_API void save_prompt_embeddings(const std::string& path, const PromptEmbeddings& positive,
                                     const PromptEmbeddings& negative = {});
/// A point between two prompts' embeddings, each of one row: position 0 gives a, 1 gives b.
/// @param spherical  along the arc of each token's vector instead of the straight line
[[nodiscard]] SWAN_API PromptEmbeddings interpolate_embeddings(const PromptEmbeddings& a, const PromptEmbeddings& b,
                                                               double position, bool spherical);

/// Tiles for the decoder, in pixels; names as in diffusers' enable_tiling.
struct VaeTiling {
  int64_t tile_sample_min_height = 512;
  int64_t tile_sample_min_width = 512;
  int64_t tile_sample_stride_height = 448;
  int64_t tile_sample_stride_width = 448;
};

/// What is made of a control image before the ControlNet is shown it.
enum class ControlPreprocess {
  kNone,  ///< nothing: it is edges, poses, ... already
  kCanny  ///< its edges, one pixel wide, white on black
};

/// What to draw. Names and defaults are those of diffusers' SanaPipeline.__call__ unless said; what is not set takes
/// the default of the model's own pipeline.
struct ImageRequest {
  std::vector<std::string> prompt = {};             ///< one or more, UTF-8
  std::vector<std::string> negative_prompt = {""};  ///< one for all, or as many as prompts; Sana-Sprint has none
  std::optional<int64_t> height;                    ///< pixels; default: the model's own size
  std::optional<int64_t> width;                     ///< pixels; default: the model's own size
  std::optional<int> num_inference_steps;           ///< 20; Sana-Sprint 2
  double guidance_scale = 4.5;  ///< guidance runs when above 1; Sana-Sprint's network is given it as a number instead
  int num_images_per_prompt = 1;
  /// One seed: one generator draws the whole batch. As many seeds as pictures: a list of generators, one each.
  std::vector<uint64_t> seed = {0};
  std::string scheduler;             ///< empty: the repository's; else a name of scheduler_names()
  Tensor latents;                    ///< [B, C, h, w] f32 initial noise instead of the seed's
  std::optional<double> flow_shift;  ///< instead of the repository's
  /// How the levels of noise are spread: empty, as the repository says, or a name of sigma_schedule_names(). All of
  /// them for "flow-euler" and "flow-lcm", "simple" and "karras" for "unipc"; see docs/SCHEDULERS.md.
  std::string sigma_schedule;
  /// The levels of noise to go through instead of the solver's, from 1 down, without the 0 that ends them; shifted as
  /// the solver's own are. As many steps as there are: num_inference_steps need not be given.
  std::vector<double> sigmas = {};
  /// The same as timesteps, from 1000 down, for solvers that take them: "flow-euler", "flow-lcm" and "dmd". Of
  /// Sana-Sprint the angles, from 1.5708 down to 0, with or without that last one.
  std::vector<double> timesteps = {};
  PromptEmbeddings prompt_embeds;           ///< instead of prompt: its text encoder is not needed then
  PromptEmbeddings negative_prompt_embeds;  ///< instead of negative_prompt
  /// Lines joined by a newline and put before the prompt. Not set: Swan's default for models trained with one (those
  /// with the Gemma-2-2B encoder), nothing for others. Set and empty: none.
  std::optional<std::vector<std::string>> complex_human_instruction;
  int max_sequence_length = 300;  ///< tokens
  bool use_resolution_binning = true;
  /// Decode larger pictures tile by tile with these sizes, as diffusers does. Not set: whole, unless that would take
  /// more than Swan's working set allows; then in tiles of Swan's choice.
  std::optional<VaeTiling> vae_tiling;
  /// Perturbed-attention guidance, away from what blocks make of the prompt that see nothing but each place itself;
  /// runs when above 0. Default: 3 with a SanaPAGPipeline, else 0. A step costs a half more, or twice as much without
  /// guidance. Sana alone, without a ControlNet.
  std::optional<double> pag_scale;
  std::optional<double> pag_adaptive_scale;  ///< what pag_scale falls by for each of 1000 timesteps; default 0
  /// Regular expressions; a block does so if one finds something in "transformer_blocks.N.attn1". Empty: the default of
  /// diffusers, "transformer_blocks.0".
  std::vector<std::string> pag_applied_layers = {};

  /// What a model with a ControlNet is controlled by, and must be given; one picture for all prompts. It is scaled to
  /// height and width (where resolutions are binned, to those computed at), whatever its shape, and then preprocessed.
  std::optional<Image> control_image;
  ControlPreprocess control_preprocess = ControlPreprocess::kNone;
  std::optional<double> controlnet_conditioning_scale;  ///< how much the control image counts; default 1

  /// A picture to start from instead of noise alone; it is scaled to height and width. Latents cannot be given too. Not
  /// with a ControlNet.
  std::optional<Image> image;
  /// How far to leave the picture behind, 0 to 1, where all steps are taken; default 0.6. Of N steps the last
  /// N * strength, rounded up, are taken. Nothing without a picture.
  std::optional<double> strength;
  /// Which part of `image` is drawn anew, a picture of its size: white is, black is kept to the bit (where resolutions
  /// are not binned), grey is mixed of both.
  std::optional<Image> mask;

  bool decode = true;  ///< false: only latents are returned (output_type "latent")

  // Sana-Sprint alone
  std::optional<double> max_timesteps;  ///< the angle that it starts at, above 0, up to the default 1.5708
  /// The angle of the second of two steps, between 0 and max_timesteps; 0: none, evenly spaced as other numbers of
  /// steps. Default: 1.3 of two steps, else none.
  std::optional<double> intermediate_timesteps;
};

/// What a pipeline does with a request that does not say.
struct ImageDefaults {
  int num_inference_steps = 20;
  bool negative_prompt = true;  ///< whether it can be given one
};

/// What is about to be handed over, for Callbacks::inspect.
struct OutputInfo {
  std::string prompt;  ///< empty when embeddings were given
  int64_t index = 0;   ///< which picture or video of the run
  int64_t frame = 0;   ///< of a video; 0 for a picture
  int64_t frames = 1;
};
enum class Verdict { kPass, kBlock };

/// What is seen of a picture while it is denoised, for Callbacks::preview.
struct Preview {
  Image picture;      ///< rough and small, of the shape of the result; of a video the frame in the middle
  int64_t index = 0;  ///< which picture or video of the run
  int step = 0;       ///< that it was taken after, of `steps`
  int steps = 0;
};

/// Called between steps; must return quickly.
struct Callbacks {
  /// stage: "load", "encode", "denoise" or "decode"; done of total steps of it
  std::function<void(const std::string& stage, int done, int total)> progress;
  /// While denoising, what the result may look like: a linear function of the latents, at next to no cost. It is
  /// learned from the pictures that the pipeline decodes while this is set; before the first of them it is a grey
  /// outline. Not called beside `inspect`, which would not see it.
  std::function<void(Preview&&)> preview;
  double preview_interval = 0.5;              ///< the least seconds from one to the next
  const std::atomic<bool>* cancel = nullptr;  ///< when true, generate throws Error kCancelled within one step
  /// A safety checker: sees every picture and every frame of a video before the caller gets it or it is written. It may
  /// change the picture in place, to blur or replace it (the size must stay), or block it: a blocked picture is left
  /// out (ImageResult::images holds an empty one), a blocked frame ends its video. What it throws ends the run.
  std::function<Verdict(Image& picture, const OutputInfo& info)> inspect;
};

struct ImageResult {
  std::vector<Image> images;  ///< prompts x num_images_per_prompt, the pictures of one prompt together
  std::vector<bool> blocked;  ///< by Callbacks::inspect
  Tensor latents;             ///< [B, C, h, w] f32, as the decoder receives them times scaling_factor
  /// For each picture its settings as a JSON object: model, prompt, negative_prompt, seed, seeds, index, height, width,
  /// num_inference_steps, guidance_scale, scheduler, dtype, device, version, ... Enough to repeat the run exactly; see
  /// request_from_parameters.
  std::vector<std::string> parameters;
  std::optional<Image> control_image;                   ///< as the ControlNet was shown it
  int64_t height = 0, width = 0;                        ///< pixels of each picture
  std::vector<std::pair<std::string, double>> seconds;  ///< per stage: load, encode, denoise, decode
  size_t peak_bytes = 0;                                ///< largest resident set of the process so far
};

/// Embedders: computing threads run oneDNN's f32 products, which in version 2.6 use the stack register for data. No
/// signal handler may run on them: let a thread of your own take signals with sigwait before the first call into Swan,
/// as apps/cli/cancel.cpp does. A weight file that is shortened while it is in use raises SIGBUS, for it is mapped:
/// replace files by renaming.
///
/// A text-to-image pipeline over one repository in diffusers' layout. Networks are loaded when their stage needs them;
/// the text encoder leaves memory before denoising. One generate at a time per object.
class SWAN_API ImagePipeline {
 public:
  virtual ~ImagePipeline();
  /// Opens a repository: reads its index and configurations and checks that the files are there.
  /// @param path  a folder with model_index.json, or the file of a transformer; empty: LoadOptions::transformer if that
  ///              is given, else the embedded model, see default_image_model
  /// @throws Error naming the file that is missing or damaged and what to do
  [[nodiscard]] static std::unique_ptr<ImagePipeline> open(const std::string& path, const LoadOptions& options = {});

  /// @throws Error kInvalidArgument for a request that cannot be met, kCancelled, kNumerical naming stage and step, ...
  [[nodiscard]] virtual ImageResult generate(const ImageRequest& request, const Callbacks& callbacks = {}) = 0;
  /// Embeddings of prompts, as a request takes them. @param request  gives prompts, instruction and length
  /// @throws Error as generate
  [[nodiscard]] virtual PromptEmbeddings embed(const ImageRequest& request, const Callbacks& callbacks = {}) = 0;
  /// LoRAs instead of those before; none: the model as it is in its files, to the bit. What is fused, and whether
  /// unused tensors are an error, is as LoadOptions say. @throws Error naming file, tensor and what was expected;
  /// nothing has changed then
  virtual void set_loras(const std::vector<Lora>& loras) = 0;
  /// The size that a request without one gets, in pixels.
  [[nodiscard]] virtual int64_t default_size() const = 0;
  [[nodiscard]] virtual ImageDefaults defaults() const = 0;
};

/// The settings in a picture's "swan" metadata, as a request, with the model path and load options they name.
struct RepeatableRequest {
  std::string model;  ///< empty: the embedded model
  LoadOptions load;
  ImageRequest request;
  int64_t index = 0;  ///< which picture of that request's the metadata came from
};
/// @throws Error kCorruptFile when the JSON is not what Swan writes; kInvalidArgument naming what cannot be repeated
///         (initial latents, or a picture to start from or to be controlled by, that came from a file)
[[nodiscard]] SWAN_API RepeatableRequest request_from_parameters(const std::string& json);

/// What kind of pipeline a model is for: "image" or "video". @throws Error as ImagePipeline::open
[[nodiscard]] SWAN_API std::string model_kind(const std::string& path, const LoadOptions& options = {});

/// The folder of the embedded image model: $SWAN_MODELS, else relative to libswan or the program (build tree and
/// installed layouts). @throws Error kNotFound listing where it looked
[[nodiscard]] SWAN_API std::string default_image_model();

/// Names for ImageRequest::scheduler, e.g. "dpmsolver++", "flow-euler", with a line of description each.
[[nodiscard]] SWAN_API std::vector<std::pair<std::string, std::string>> scheduler_names();

/// Names for ImageRequest::sigma_schedule, "simple", "karras", "exponential" and "beta", with a line of description
/// each.
[[nodiscard]] SWAN_API std::vector<std::pair<std::string, std::string>> sigma_schedule_names();

/// One part of a repository, as `swan info` shows it.
struct ComponentInfo {
  std::string name;        ///< "transformer"
  std::string class_name;  ///< "SanaTransformer2DModel"
  std::vector<std::string> files;
  std::vector<std::string> missing;  ///< files that should be there and are not, or are damaged, with the reason
  std::vector<std::pair<std::string, int64_t>> parameters_by_dtype;  ///< {"f16", 11250000}
  int64_t parameters = 0;
  int64_t bytes = 0;  ///< on disk
};
struct ModelInfo {
  std::string path;
  std::string class_name;  ///< "SanaPipeline"
  std::vector<ComponentInfo> components;
  [[nodiscard]] SWAN_API bool complete() const;
};
/// Reads headers only. @throws Error kNotFound or kCorruptFile when the index itself cannot be read
[[nodiscard]] SWAN_API ModelInfo inspect_model(const std::string& path, const std::string& variant = "");

/// Tensors in and out of safetensors files, for --latents and --save-latents.
/// @throws Error kNotFound, kCorruptFile, kMissingTensor naming what the file holds
[[nodiscard]] SWAN_API Tensor load_tensor(const std::string& path, const std::string& name);
SWAN_API void save_tensor(const std::string& path, const std::string& name, const Tensor& tensor);

/// Threads for computation; 0: as many as the machine has cores. The results do not depend on it.
SWAN_API void set_threads(int threads);

}  // namespace swan

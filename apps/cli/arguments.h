#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/serve_arguments.h"

namespace swan::cli {

// What was typed after a command, unconverted: one text per option, so that every message about a bad value is ours,
// and so that "not given" is known (with --from, only what is given overrides).

/// What to draw.
struct PromptArguments {
  std::optional<std::string> positional_prompt;
  std::vector<std::string> prompt;
  std::vector<std::string> negative_prompt;
  std::optional<std::string> prompts;  ///< a file of them
  std::optional<std::string> prompt_embeds;
  std::optional<std::string> prompt_to;
  std::optional<std::string> interpolate;
  std::optional<std::string> interpolation;
};

/// What is added to the weights.
struct LoraArguments {
  std::vector<std::string> lora;
  bool lora_lenient = false;
  bool fuse_lora = false;
};

/// Where models of a hub come from.
struct HubArguments {
  std::optional<std::string> revision;
  std::optional<std::string> endpoint;
  bool offline = false;
};

/// Parts of a model from elsewhere.
struct ModelFileArguments : HubArguments {
  std::optional<std::string> transformer;
  std::optional<std::string> text_encoder;
  std::optional<std::string> vae;
  std::optional<std::string> tokenizer;
};

/// Which weights, and where they compute.
struct ModelArguments : ModelFileArguments {
  std::optional<std::string> model;
  std::optional<std::string> variant;
  std::optional<std::string> dtype;
  std::optional<std::string> device;
  std::optional<std::string> memory_budget;
  std::optional<std::string> threads;
  std::optional<std::string> embed_cache;
};

/// How noise becomes a picture.
struct SamplingArguments {
  std::optional<std::string> width;
  std::optional<std::string> height;
  std::optional<std::string> num_inference_steps;
  std::optional<std::string> guidance_scale;
  std::optional<std::string> seed;
  std::optional<std::string> scheduler;
  std::optional<std::string> flow_shift;
  std::optional<std::string> sigma_schedule;
  std::optional<std::string> sigmas;
  std::optional<std::string> timesteps;
  std::optional<std::string> max_sequence_length;
  std::optional<std::string> latents;
};

/// Where a configuration comes from.
struct ConfigArguments {
  std::vector<std::string> config;
  std::vector<std::string> set;
  std::optional<std::string> env;
};

struct ReportArguments {
  bool json = false;
  bool quiet = false;
  bool verbose = false;
};

/// What `swan image` and `swan video` share.
struct GenerateArguments : PromptArguments,
                           ModelArguments,
                           LoraArguments,
                           SamplingArguments,
                           ConfigArguments,
                           ReportArguments {
  std::optional<std::string> image;
  std::optional<std::string> strength;
  std::optional<std::string> mask;
  std::optional<std::string> from;
  std::optional<std::string> output;
  std::optional<std::string> save_latents;
};

/// `swan image`
struct ImageArguments : GenerateArguments {
  std::optional<std::string> num_images;
  std::optional<std::string> complex_instruction;
  std::optional<std::string> max_timesteps;
  std::optional<std::string> intermediate_timesteps;
  std::optional<std::string> pag_scale;
  std::optional<std::string> pag_adaptive_scale;
  std::optional<std::string> pag_layers;
  std::optional<std::string> controlnet;
  std::optional<std::string> control_image;
  std::optional<std::string> control_preprocess;
  std::optional<std::string> control_scale;
  std::optional<std::string> save_control;
  bool no_resolution_binning = false;
};

/// `swan video`
struct VideoArguments : GenerateArguments {
  std::optional<std::string> preset;
  std::optional<std::string> num_videos;
  std::optional<std::string> num_frames;
  std::optional<std::string> video;
  std::optional<std::string> fps;
  std::optional<std::string> crf;
};

/// `swan embed`
struct EmbedArguments : ModelArguments, ConfigArguments, ReportArguments {
  std::vector<std::string> positional_prompts;
  std::vector<std::string> prompt;
  std::vector<std::string> negative_prompt;
  std::optional<std::string> kind;
  std::optional<std::string> max_sequence_length;
  std::optional<std::string> complex_instruction;
  std::optional<std::string> output;
};

/// `swan convert`
struct ConvertArguments : ModelFileArguments, ConfigArguments, ReportArguments {
  std::vector<std::string> paths;
  std::optional<std::string> variant;
  std::optional<std::string> dtype;
  std::optional<std::string> to;
  std::optional<std::string> max_shard_size;
};

/// `swan info`
struct InfoArguments : HubArguments, ConfigArguments {
  std::optional<std::string> model;
  std::optional<std::string> variant;
  bool json = false;
};

/// `swan push`
struct PushArguments : HubArguments, ReportArguments, ConfigArguments {
  std::optional<std::string> folder;
  std::optional<std::string> name;
  std::optional<std::string> message;
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  std::optional<std::string> connections;
  bool make_private = false;
  bool create_pr = false;
};

/// `swan card`
struct CardArguments : ReportArguments, ConfigArguments {
  std::optional<std::string> folder;
  std::optional<std::string> output;
  std::optional<std::string> license;
  std::optional<std::string> base_model;
  std::optional<std::string> repo;
  std::vector<std::string> tag;
  std::vector<std::string> sample;
  bool force = false;
};

/// `swan config`
struct ConfigCommandArguments : ConfigArguments {
  std::optional<std::string> action;
  std::vector<std::string> files;
  std::optional<std::string> format;
  bool origin = false;
};

/// `swan pull`
struct PullArguments : HubArguments, ReportArguments, ConfigArguments {
  std::vector<std::string> models;
  std::optional<std::string> variant;
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  std::optional<std::string> connections;
  bool dry_run = false;
};

/// `swan serve`. Of ModelArguments all but --model, which may be repeated here.
struct ServeArguments : ModelArguments, ServeOnlyArguments, ConfigArguments {};

/// `swan completion`
struct CompletionArguments {
  std::optional<std::string> shell;
};

/// The whole command line.
struct Arguments {
  enum class Command {
    kHelp,
    kVersion,
    kImage,
    kVideo,
    kEmbed,
    kInfo,
    kConvert,
    kPull,
    kPush,
    kCard,
    kConfig,
    kServe,
    kCompletion
  };

  Command command = Command::kHelp;
  std::string help;  ///< for kHelp, what to print
  ImageArguments image;
  VideoArguments video;
  EmbedArguments embed;
  InfoArguments info;
  ConvertArguments convert;
  ConfigCommandArguments config;
  PullArguments pull;
  PushArguments push;
  CardArguments card;
  ServeArguments serve;
  CompletionArguments completion;
};

}  // namespace swan::cli

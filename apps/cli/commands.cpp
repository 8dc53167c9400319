#include "cli/commands.h"

#include <fmt/format.h>

#include "cli/examples.h"
#include "cli/limits.h"
#include "cli/sampling_options.h"
#include "cli/serve_options.h"
#include "swan/pipeline.h"
#include "swan/video_pipeline.h"

namespace swan::cli {

namespace {

using Kind = ValueHint::Kind;
using config::Type;

ValueHint file() { return {.kind = Kind::kFile, .choices = {}}; }
ValueHint file_or(const char* word) { return {.kind = Kind::kFile, .choices = {word}}; }
ValueHint folder() { return {.kind = Kind::kFolder, .choices = {}}; }
ValueHint choice(std::vector<std::string> choices) { return {.kind = Kind::kChoice, .choices = std::move(choices)}; }

using Described = std::vector<std::pair<std::string, std::string>>;

std::string listed(std::string text, const Described& names) {
  const char* separator = " ";
  for (const auto& [name, description] : names) {
    text += fmt::format("{}{} ({})", separator, name, description);
    separator = ", ";
  }
  return text;
}

Described described_presets() {
  Described presets;
  for (const VideoPreset& preset : video_presets()) presets.emplace_back(preset.name, preset.description);
  return presets;
}

// What differs in the help of commands that are otherwise alike.
struct Words {
  const char* noun;           ///< "picture"
  const char* verb;           ///< "draw"
  const char* embedded;       ///< the model without --model
  const char* max_length;     ///< default of --max-sequence-length
  const char* from;           ///< what --from reads
  const char* steps_default;  ///< " 20" or ": ..."
  const char* guidance_default;
};

constexpr Words kImageWords = {.noun = "picture",
                               .verb = "draw",
                               .embedded = "the embedded emoji model",
                               .max_length = "300",
                               .from = "PNG, WebP or JPEG",
                               .steps_default = " 20, and 2 with Sana-Sprint",
                               .guidance_default = " 4.5"};
constexpr Words kVideoWords = {.noun = "video",
                               .verb = "show",
                               .embedded = "the embedded emoji model",
                               .max_length = "512",
                               .from = "MP4, WebM, WebP, GIF or a folder of frames",
                               .steps_default = ": the model's own",
                               .guidance_default = ": the model's own"};

void add_prompt(OptionSet& o, PromptArguments& a, const Words& w) {
  o.text("PROMPT", a.positional_prompt, "", fmt::format("What to {}, in quotes", w.verb),
         {.path = "prompt.prompt", .type = Type::kTexts, .yields_to = {"prompt.prompts", "prompt.prompt_embeds"}});
  o.list("--prompt", a.prompt, "TEXT",
         fmt::format("What to {}, instead of PROMPT; repeat it for several prompts in one run", w.verb),
         {.path = "prompt.prompt", .type = Type::kTexts, .yields_to = {"prompt.prompts", "prompt.prompt_embeds"}});
  o.list("--negative-prompt", a.negative_prompt, "TEXT", "What to keep away from; one for all prompts, or one for each",
         {.path = "prompt.negative_prompt", .type = Type::kTexts});
  o.text("--prompts", a.prompts, "FILE",
         fmt::format("A prompt on each line (- for standard input): a {} of each, as by commands of their own", w.noun),
         {.path = "prompt.prompts", .yields_to = {"prompt.prompt", "prompt.prompt_embeds"}}, file_or("-"));
  o.text("--prompt-embeds", a.prompt_embeds, "FILE", "What 'swan embed' made of a prompt, instead of it",
         {.path = "prompt.prompt_embeds", .yields_to = {"prompt.prompt", "prompt.prompts"}}, file());
  o.text("--prompt-to", a.prompt_to, "TEXT", "With --interpolate: the prompt at the other end",
         {.path = "prompt.prompt_to",
          .yields_to = {"prompt.prompts", "prompt.prompt_embeds"},
          .needs = {"prompt.interpolate"}});
  o.text("--interpolate", a.interpolate, "N",
         fmt::format("Make N {}s on the way from PROMPT to --prompt-to, both included", w.noun),
         {.path = "prompt.interpolate",
          .type = Type::kInteger,
          .minimum = 2,
          .maximum = kMaxOutputs,
          .yields_to = {"prompt.prompts", "prompt.prompt_embeds"},
          .needs = {"prompt.prompt_to"}});
  o.text("--interpolation", a.interpolation, "KIND", "The way: linear (default) or spherical",
         {.path = "prompt.interpolation", .standard = "linear", .needs = {"prompt.prompt_to"}},
         choice({"linear", "spherical"}));
}

void add_length(OptionSet& o, std::optional<std::string>& length, const char* standard) {
  o.text("--max-sequence-length", length, "N", fmt::format("Tokens of prompt that count (default {})", standard),
         {.path = "prompt.max_sequence_length", .type = Type::kInteger, .minimum = 1});
}

void add_instruction(OptionSet& o, std::optional<std::string>& instruction) {
  o.text("--complex-instruction", instruction, "FILE|none",
         "Text that goes before the prompt, for models trained with one; default: Swan's own for those models",
         {.path = "prompt.complex_instruction", .yields_to = {"prompt.prompt_embeds"}}, file_or("none"));
}

void add_start(OptionSet& o, ImageArguments& a) {
  o.group("Start");
  o.text("--image", a.image, "FILE", "PNG, WebP or JPEG to start from; it is scaled to the size of the result",
         {.path = "input.image", .yields_to = {"input.video", "input.latents"}}, file());
  o.text("--strength", a.strength, "X",
         "How far to leave --image behind, 0 to 1 (default 0.6); of N steps the last N times X are taken, rounded up",
         {.path = "input.strength",
          .type = Type::kNumber,
          .minimum = 0,
          .maximum = 1,
          .needs = {"input.image", "input.video"}});
  o.text("--mask", a.mask, "FILE",
         "Picture of the size of --image: what is white there is drawn anew, what is black stays as it is",
         {.path = "input.mask", .needs = {"input.image", "input.video"}}, file());
}

void add_start(OptionSet& o, VideoArguments& a) {
  o.group("Start");
  o.text("--video", a.video, "FILE|DIR",
         "MP4, WebM or GIF to start from, or a folder of pictures: its first --num-frames frames, or 81; they are "
         "scaled to "
         "the size of the result",
         {.path = "input.video", .yields_to = {"input.image", "input.latents"}}, file());
  o.text("--image", a.image, "FILE", "A picture to start every frame from, instead of --video",
         {.path = "input.image", .yields_to = {"input.video", "input.latents"}}, file());
  o.text("--strength", a.strength, "X",
         "How far to leave the start behind, 0 to 1 (default 0.8); of N steps the last N times X are taken, rounded "
         "down",
         {.path = "input.strength",
          .type = Type::kNumber,
          .minimum = 0,
          .maximum = 1,
          .needs = {"input.image", "input.video"}});
  o.text("--mask", a.mask, "FILE",
         "Picture of the start's size: in all frames what is white there is made anew, what is black stays as it is",
         {.path = "input.mask", .needs = {"input.image", "input.video"}}, file());
}

void add_sprint(OptionSet& o, ImageArguments& a) {
  o.group("Sana-Sprint");
  o.text("--max-timesteps", a.max_timesteps, "X", "The angle of the first step (default 1.5708, noise alone)",
         {.path = "sampling.max_timesteps", .type = Type::kNumber, .minimum = 0.001, .maximum = kQuarterTurn});
  o.text("--intermediate-timesteps", a.intermediate_timesteps, "X|none",
         "The angle of the second of two steps (default 1.3); none: half of the first",
         {.path = "sampling.intermediate_timesteps", .type = Type::kNumber, .minimum = 0.001, .maximum = kQuarterTurn},
         choice({"none"}));
}

void add_control(OptionSet& o, ImageArguments& a) {
  o.group("ControlNet");
  o.text("--controlnet", a.controlnet, "DIR",
         "ControlNet for a Sana model: the folder of a SanaControlNetModel (default: that of --model, if it has one)",
         {.path = "model.controlnet", .needs = {"input.control_image"}}, folder());
  o.text("--control-image", a.control_image, "FILE",
         "PNG, WebP or JPEG that controls the result, such as edges; it is scaled to the size of the result",
         {.path = "input.control_image"}, file());
  o.text("--control-preprocess", a.control_preprocess, "KIND",
         "What is made of --control-image: canny (its edges) or none (default: it is edges already)",
         {.path = "input.control_preprocess", .standard = "none", .needs = {"input.control_image"}},
         choice({"canny", "none"}));
  o.text("--control-scale", a.control_scale, "X", "How much --control-image counts (default 1)",
         {.path = "sampling.control_scale", .type = Type::kNumber, .standard = "1", .needs = {"input.control_image"}});
  o.text("--save-control", a.save_control, "FILE",
         "Write the control image too, scaled and preprocessed: what the ControlNet sees",
         {.path = "output.save_control", .needs = {"input.control_image"}}, file());
}

void add_pag(OptionSet& o, ImageArguments& a) {
  o.text(
      "--pag-scale", a.pag_scale, "X",
      "Perturbed-attention guidance for Sana, from 0 (none; default, but 3 for a SanaPAGPipeline); a step costs more",
      {.path = "sampling.pag_scale", .type = Type::kNumber, .minimum = 0, .maximum = 1000});
  o.text(
      "--pag-adaptive-scale", a.pag_adaptive_scale, "X",
      "What --pag-scale falls by for each of 1000 timesteps, such as 0.001 (default 0)",
      {.path = "sampling.pag_adaptive_scale", .type = Type::kNumber, .minimum = 0, .maximum = 1000, .standard = "0"});
  o.text("--pag-layers", a.pag_layers, "REGEX",
         "Which blocks are perturbed: those in whose names, transformer_blocks.N.attn1, it finds something (default "
         "transformer_blocks.0)",
         {.path = "sampling.pag_layers", .standard = "transformer_blocks.0"});
}

void add_from(OptionSet& o, std::optional<std::string>& from, const Words& w) {
  o.text("--from", from, "FILE",
         fmt::format("Repeat the {} in FILE ({} made by Swan) exactly; other options override its settings", w.noun,
                     w.from),
         {.path = "input.from"}, file());
}

// The revision of a configuration's model goes with it.
const ConfigKey kModelRevision = {.path = "model.revision", .yields_to = {"model.model"}, .needs = {"model.model"}};

void add_hub_place(OptionSet& o, HubArguments& a) {
  o.text("--endpoint", a.endpoint, "URL",
         "Another hub, such as a mirror (default: $HF_ENDPOINT, or https://huggingface.co)", {.path = "hub.endpoint"});
  o.flag("--offline", a.offline, "Use what is in the cache and ask no hub; the same as HF_HUB_OFFLINE=1",
         {.path = "hub.offline", .type = Type::kFlag, .standard = "false"});
}

// @param revision  the key of --revision;  @param of  which model's it is: "the hub's model"
void add_hub(OptionSet& o, HubArguments& a, const ConfigKey& revision, const char* of) {
  o.text("--revision", a.revision, "NAME",
         fmt::format("Of {}: a branch, a tag, a commit or refs/pr/N (default: main; the same as @NAME after the name)",
                     of),
         revision);
  add_hub_place(o, a);
}

// @param section  of a configuration
void add_model_files(OptionSet& o, ModelFileArguments& a, const std::string& section, const std::string& transformer,
                     const char* none) {
  const auto key_of = [&section](const char* name) { return ConfigKey{.path = section + "." + name}; };
  o.text("--transformer", a.transformer, "FILE|DIR",
         fmt::format("{}: a file in diffusers' or its publisher's names, or the folder of one{}", transformer, none),
         key_of("transformer"), file_or("none"));
  o.text("--text-encoder", a.text_encoder, "FILE|DIR", "Text encoder, likewise", key_of("text_encoder"),
         file_or("none"));
  o.text("--vae", a.vae, "FILE|DIR",
         "Autoencoder, likewise; or the decoder of a tiny one (TAESANA for Sana, TAEW2.1 for Wan), for quick looks",
         key_of("vae"), file_or("none"));
  o.text("--tokenizer", a.tokenizer, "DIR|FILE",
         "Tokenizer: its folder, or tokenizer.model, spiece.model or tokenizer.json (default: the one in the text "
         "encoder's file, if there is one)",
         key_of("tokenizer"), file_or("none"));
}

// What models compute with and where.
void add_compute(OptionSet& o, ModelArguments& a, const char* result) {
  o.text("--variant", a.variant, "NAME", "Weights of this variant, such as fp16 for *.fp16.safetensors",
         {.path = "model.variant"});
  o.text(
      "--dtype", a.dtype, "TYPE",
      "How weights are kept (CPU) or computed with (GPU): auto (as stored, the default), f32, bf16 or f16; fp8 (GPU): "
      "as auto, with the transformer's big products in 8 bits",
      {.path = "model.dtype", .standard = "auto"}, choice({"auto", "f32", "bf16", "f16", "fp8"}));
  o.text("--device", a.device, "NAME",
         "auto (default: a GPU where there is one), cpu, cuda, or cuda:1 for the second GPU",
         {.path = "model.device", .standard = "auto", .open = true}, choice({"auto", "cpu", "cuda"}));
  o.text("--memory-budget", a.memory_budget, "SIZE",
         "The most of a GPU's memory to use, such as 8GiB (default: as much as there is); networks that do not fit go "
         "through it piece by piece",
         {.path = "memory.memory_budget", .type = Type::kSize});
  o.text("--threads", a.threads, "N", fmt::format("Threads to compute with (default: all cores); {} the same", result),
         {.path = "memory.threads", .type = Type::kInteger, .minimum = 1, .maximum = kMaxThreads});
  o.text("--embed-cache", a.embed_cache, "DIR|off",
         "Where what the text encoder makes of prompts is kept (default: $SWAN_EMBED_CACHE, or swan/embeddings in the "
         "user's cache)",
         {.path = "memory.embed_cache"}, {.kind = Kind::kFolder, .choices = {"off"}});
}

void add_model(OptionSet& o, ModelArguments& a, const char* embedded, const char* result) {
  o.group("Model");
  o.text("--model", a.model, "DIR|FILE|ID",
         fmt::format("Repository in diffusers' layout, or the file of a transformer: on disk, or of a hub (org/name, "
                     "org/name@revision, org/name/file.gguf), which is downloaded once (default: {})",
                     embedded),
         {.path = "model.model"}, file());
  add_hub(o, a, kModelRevision, "the hub's model");
  add_model_files(o, a, "model", "Transformer instead of that of --model, or without one",
                  " (none, here and below: without that of --from)");
  add_compute(o, a, result);
}

void add_loras(OptionSet& o, LoraArguments& a) {
  o.list("--lora", a.lora, "FILE[:SCALE]",
         "Add this LoRA to the model, times SCALE (default 1); may be repeated. none: without those of --from",
         {.path = "model.lora", .type = Type::kTexts}, file_or("none"));
  o.flag("--lora-lenient", a.lora_lenient, "Leave out what of a LoRA belongs to nothing in the model",
         {.path = "model.lora_lenient", .type = Type::kFlag, .standard = "false", .needs = {"model.lora"}});
  o.flag("--fuse-lora", a.fuse_lora,
         "Merge LoRAs into the weights while loading: steps take no longer, and results differ by rounding",
         {.path = "model.fuse_lora", .type = Type::kFlag, .standard = "false", .needs = {"model.lora"}});
}

void add_size(OptionSet& o, SamplingArguments& a) {
  o.text("--width", a.width, "PIXELS", "Default: the model's own size",
         {.path = "sampling.width", .type = Type::kInteger, .minimum = 1, .maximum = kMaxSide});
  o.text("--height", a.height, "PIXELS", "Default: the model's own size",
         {.path = "sampling.height", .type = Type::kInteger, .minimum = 1, .maximum = kMaxSide});
}

void add_sampling(OptionSet& o, SamplingArguments& a, const Words& w) {
  o.text(
      "--seed", a.seed, "N[,N...]",
      fmt::format("Where the noise starts (default: chosen at random, and reported); several: one for each {}", w.noun),
      {.path = "sampling.seed", .type = Type::kIntegers, .minimum = 0});
  o.text("--steps,--num-inference-steps", a.num_inference_steps, "N",
         fmt::format("Denoising steps, 1 to 1000 (default{})", w.steps_default),
         {.path = "sampling.num_inference_steps",
          .type = Type::kInteger,
          .minimum = 1,
          .maximum = kMaxSteps,
          .yields_to = {"sampling.preset", "sampling.sigmas", "sampling.timesteps"}});
  o.text("--guidance-scale", a.guidance_scale, "X",
         fmt::format("How closely to follow the prompt (default{}); 1 or less: without guidance, twice as fast",
                     w.guidance_default),
         {.path = "sampling.guidance_scale", .type = Type::kNumber, .yields_to = {"sampling.preset"}});
  o.text("--scheduler", a.scheduler, "NAME", listed("Instead of the model's own:", scheduler_names()),
         {.path = "sampling.scheduler", .yields_to = {"sampling.preset"}}, choice(scheduler_choices()));
  o.text("--flow-shift", a.flow_shift, "X",
         "Instead of the model's own shift of noise levels; larger: more steps at high noise",
         {.path = "sampling.flow_shift",
          .type = Type::kNumber,
          .minimum = 0.001,
          .maximum = 1000,
          .yields_to = {"sampling.preset"}});
  o.text("--sigma-schedule", a.sigma_schedule, "NAME",
         listed("How the noise levels of flow-euler, flow-lcm and unipc lie:", sigma_schedule_names()),
         {.path = "sampling.sigma_schedule", .yields_to = {"sampling.preset"}}, choice(sigma_schedule_choices()));
  o.text("--sigmas", a.sigmas, "X,X...",
         "Noise levels to go through before the shift, from 1 down, without the 0 that ends them; as many steps",
         {.path = "sampling.sigmas",
          .type = Type::kNumbers,
          .yields_to = {"sampling.preset", "sampling.num_inference_steps", "sampling.timesteps"}});
  o.text("--timesteps", a.timesteps, "X,X...",
         "The same as timesteps from 1000 down, for flow-euler, flow-lcm and dmd; angles with Sana-Sprint",
         {.path = "sampling.timesteps",
          .type = Type::kNumbers,
          .yields_to = {"sampling.preset", "sampling.num_inference_steps", "sampling.sigmas"}});
}

void add_latents(OptionSet& o, GenerateArguments& a) {
  o.text("--latents", a.latents, "FILE",
         "Start from the tensor 'latents' in this safetensors file instead of the seed's noise",
         {.path = "input.latents", .yields_to = {"input.image", "input.video"}}, file());
  o.text("--save-latents", a.save_latents, "FILE",
         "Write the denoised latents too, as the tensor 'latents' of a safetensors file",
         {.path = "output.save_latents"}, file());
}

void add_report(OptionSet& o, ReportArguments& a) {
  o.flag("--json", a.json, "Report on one line of JSON",
         {.path = "output.json", .type = Type::kFlag, .standard = "false"});
  o.flag("--quiet", a.quiet, "Print nothing but errors",
         {.path = "output.quiet", .type = Type::kFlag, .standard = "false", .yields_to = {"output.verbose"}});
  o.flag("--verbose", a.verbose, "Say what is being done",
         {.path = "output.verbose", .type = Type::kFlag, .standard = "false", .yields_to = {"output.quiet"}});
}

CLI::App& add_command(CLI::App& program, const char* name, const char* description, const char* examples) {
  CLI::App* command = program.add_subcommand(name, description);
  command->footer(examples);
  return *command;
}

void define_image(CLI::App& program, ImageArguments& a, OptionTable& table) {
  OptionSet o(add_command(program, "image", "Make pictures from a prompt", kImageExamples), table);
  o.group("Prompt");
  add_prompt(o, a, kImageWords);
  add_instruction(o, a.complex_instruction);
  add_length(o, a.max_sequence_length, kImageWords.max_length);
  add_from(o, a.from, kImageWords);
  add_model(o, a, kImageWords.embedded, "the picture is");
  add_loras(o, a);

  o.group("Picture");
  add_size(o, a);
  o.flag("--no-resolution-binning", a.no_resolution_binning,
         "Compute at the size asked for instead of the nearest one that the model was trained on",
         {.path = "sampling.use_resolution_binning", .type = Type::kFlag, .standard = "true", .negated = true});
  o.text(
      "-n,--num-images", a.num_images, "N", "Pictures of each prompt (default 1)",
      {.path = "sampling.num_images", .type = Type::kInteger, .minimum = 1, .maximum = kMaxOutputs, .standard = "1"});
  add_sampling(o, a, kImageWords);
  add_pag(o, a);
  add_start(o, a);
  add_sprint(o, a);
  add_control(o, a);

  o.configuration(a);
  o.group(kReportGroup);
  o.text("-o,--output", a.output, "FILE",
         "Picture to write, .png, .jpg or .webp (default out.png); several go to out_0.png, out_1.png, ...",
         {.path = "output.image", .standard = "out.png"}, file());
  add_latents(o, a);
  add_report(o, a);
}

void define_video(CLI::App& program, VideoArguments& a, OptionTable& table) {
  OptionSet o(add_command(program, "video", "Make videos from a prompt", kVideoExamples), table);
  o.group("Prompt");
  add_prompt(o, a, kVideoWords);
  add_length(o, a.max_sequence_length, kVideoWords.max_length);
  add_from(o, a.from, kVideoWords);
  add_model(o, a, kVideoWords.embedded, "the video is");
  add_loras(o, a);

  o.group("Video");
  add_size(o, a);
  o.text("--num-frames", a.num_frames, "N",
         "Frames, one more than a multiple of 4 (default: the model's own); others are rounded down to that",
         {.path = "sampling.num_frames", .type = Type::kInteger, .minimum = 1, .maximum = kMaxFrames});
  o.text(
      "-n,--num-videos", a.num_videos, "N", "Videos of each prompt (default 1)",
      {.path = "sampling.num_videos", .type = Type::kInteger, .minimum = 1, .maximum = kMaxOutputs, .standard = "1"});
  add_sampling(o, a, kVideoWords);
  o.text("--preset", a.preset, "NAME",
         listed("Steps, guidance, shift and scheduler of models distilled to a few steps; other options override it:",
                described_presets()),
         {.path = "sampling.preset"}, choice(preset_choices()));
  add_start(o, a);

  o.configuration(a);
  o.group(kReportGroup);
  o.text("-o,--output", a.output, "FILE|DIR/",
         "Video to write, .mp4, .webm, .webp or .gif, or a folder for its frames (default out.mp4); several go to "
         "out_0.mp4, out_1.mp4, ...",
         {.path = "output.video", .standard = "out.mp4"}, file());
  o.text("--fps", a.fps, "X", "Frames a second (default 16)",
         {.path = "output.fps", .type = Type::kNumber, .minimum = 0.01, .maximum = 1000, .standard = "16"});
  o.text("--crf", a.crf, "N",
         "Quality of .mp4 (1 to 51, default 18) and .webm (1 to 63, default 24); less is better and larger",
         {.path = "output.crf", .type = Type::kInteger, .minimum = 1, .maximum = 63});
  add_latents(o, a);
  add_report(o, a);
}

void define_embed(CLI::App& program, EmbedArguments& a, OptionTable& table) {
  OptionSet o(add_command(program, "embed", "Write what a text encoder makes of prompts", kEmbedExamples), table);
  o.group("Prompt");
  o.positionals(
      "PROMPT", a.positional_prompts, "Prompts, each in quotes; each becomes a row",
      {.path = "prompt.prompt", .type = Type::kTexts, .yields_to = {"prompt.prompts", "prompt.prompt_embeds"}});
  o.list("--prompt", a.prompt, "TEXT", "Another prompt; may be repeated",
         {.path = "prompt.prompt", .type = Type::kTexts, .yields_to = {"prompt.prompts", "prompt.prompt_embeds"}});
  o.list("--negative-prompt", a.negative_prompt, "TEXT",
         "Embed this too, for what to keep away from; one for all prompts, or one for each",
         {.path = "prompt.negative_prompt", .type = Type::kTexts});
  add_instruction(o, a.complex_instruction);
  add_length(o, a.max_sequence_length, "300 for pictures, 512 for videos");
  add_model(o, a, "an embedded one, see --kind", "the result is");
  o.text("--kind", a.kind, "KIND", "Without --model: the embedded model of image (default) or video",
         {.path = "model.kind", .yields_to = {"model.model"}}, choice({"image", "video"}));

  o.configuration(a);
  o.group(kReportGroup);
  o.text("-o,--output", a.output, "FILE", "safetensors file to write (default out.safetensors)",
         {.path = "output.embeddings", .standard = "out.safetensors"}, file());
  add_report(o, a);
}

void define_info(CLI::App& program, InfoArguments& a, OptionTable& table) {
  OptionSet o(add_command(program, "info", "Show what a model or a file is, holds and lacks", kInfoExamples), table);
  o.text("MODEL", a.model, "",
         "Repository in diffusers' layout, a component's folder, or a file of weights or a LoRA, on disk or of a hub "
         "(org/name), which is downloaded once (default: the embedded emoji model)",
         {.path = "model.model"}, file());
  o.text("--variant", a.variant, "NAME", "Look at this variant's weights, such as fp16", {.path = "model.variant"});
  add_hub(o, a, kModelRevision, "a hub's model");
  o.flag("--json", a.json, "Report on one line of JSON",
         {.path = "output.json", .type = Type::kFlag, .standard = "false"});
  o.configuration(a);
}

void define_convert(CLI::App& program, ConvertArguments& a, OptionTable& table) {
  OptionSet o(add_command(program, "convert", "Write a model in another layout", kConvertExamples), table);
  o.positionals("PATH", a.paths,
                "What to read (a file, a component's folder or a repository; may be left out where its parts are "
                "given), and the name of what to write, which must not be there",
                no_key("what one command reads and writes"));
  o.group("Model");
  add_model_files(o, a, "convert", "Transformer instead of that which is read", "");
  o.text("--variant", a.variant, "NAME", "Read weights of this variant, such as fp16", {.path = "convert.variant"});
  add_hub(o, a, {.path = "convert.revision"}, "a hub's model that is read");

  o.group("Result");
  o.text("--to", a.to, "LAYOUT",
         "diffusers (default): a repository, or the folder of the one network that is read; original: a file for each "
         "network, in its publisher's names",
         {.path = "convert.to", .standard = "diffusers"}, choice({"diffusers", "original"}));
  o.text("--dtype", a.dtype, "TYPE", "f32, bf16 or f16 (default auto: as stored; what is quantised becomes bf16)",
         {.path = "convert.dtype", .standard = "auto"}, choice({"auto", "f32", "bf16", "f16"}));
  o.text("--max-shard-size", a.max_shard_size, "SIZE", "Cut weights that are larger into several files (default 5GB)",
         {.path = "convert.max_shard_size", .type = Type::kSize});
  add_report(o, a);
  o.configuration(a);
}

// @param what  goes over them: "Uploads"
void add_connections(OptionSet& o, std::optional<std::string>& connections, const char* what) {
  o.text(
      "--connections", connections, "N", fmt::format("{} at once, 1 to 64 (default 8)", what),
      {.path = "hub.connections", .type = Type::kInteger, .minimum = 1, .maximum = kMaxConnections, .standard = "8"});
}

void define_pull(CLI::App& program, PullArguments& a, OptionTable& table) {
  OptionSet o(add_command(program, "pull", "Download models from a hub", kPullExamples), table);
  o.positionals("ID", a.models, "Models: org/name, org/name@revision, or a file or folder in one (org/name/file.gguf)",
                no_key("what one command fetches"));
  o.group("Files");
  o.text("--variant", a.variant, "NAME", "Weights of this variant, such as fp16, where there are such",
         {.path = "model.variant"});
  o.list("--include", a.include, "GLOB",
         "Files that match this, such as *.json, instead of those that Swan needs; may be repeated",
         {.path = "hub.include", .type = Type::kTexts});
  o.list("--exclude", a.exclude, "GLOB", "Leave out files that match this; may be repeated",
         {.path = "hub.exclude", .type = Type::kTexts});
  o.flag("--dry-run", a.dry_run, "Say what would be downloaded",
         {.path = "hub.dry_run", .type = Type::kFlag, .standard = "false"});
  o.group("Hub");
  add_hub(o, a, {.path = "hub.revision"}, "models without @");
  add_connections(o, a.connections, "Connections");
  add_report(o, a);
  o.configuration(a);
}

void define_push(CLI::App& program, PushArguments& a, OptionTable& table) {
  OptionSet o(add_command(program, "push", "Put a model into a repository of a hub", kPushExamples), table);
  o.text("DIR", a.folder, "", "Folder with the files", no_key("what one command reads"), folder());
  o.text("ID", a.name, "", "Repository, org/name or org/name@branch; it is made if it is not there",
         no_key("where one command writes"));
  o.group("Files");
  o.list("--include", a.include, "GLOB", "Push only files that match this; may be repeated",
         {.path = "push.include", .type = Type::kTexts});
  o.list("--exclude", a.exclude, "GLOB", "Leave out files that match this; may be repeated",
         {.path = "push.exclude", .type = Type::kTexts});
  o.group("Hub");
  o.text("--message", a.message, "TEXT", "What the commit says (default: that Swan uploaded the folder)",
         {.path = "push.message"});
  o.flag("--private", a.make_private, "A repository that is made for this is private",
         {.path = "push.private", .type = Type::kFlag, .standard = "false"});
  o.flag("--create-pr", a.create_pr, "Open a pull request instead of committing to the branch",
         {.path = "push.create_pr", .type = Type::kFlag, .standard = "false"});
  add_hub(o, a, {.path = "push.revision"}, "the repository, a branch, which is made if it is not there");
  add_connections(o, a.connections, "Uploads");
  add_report(o, a);
  o.configuration(a);
}

void define_card(CLI::App& program, CardArguments& a, OptionTable& table) {
  OptionSet o(add_command(program, "card", "Write a model's README for a hub", kCardExamples), table);
  o.text("DIR", a.folder, "", "Model in diffusers' layout", no_key("what one command reads"), folder());
  o.group("Card");
  o.text("--license", a.license, "NAME", "The hub's name of its licence, such as apache-2.0 or other",
         {.path = "card.license"});
  o.text("--base-model", a.base_model, "ID", "What it was made from, org/name", {.path = "card.base_model"});
  o.text("--repo", a.repo, "ID", "The name it will have, org/name, for the examples in the card",
         {.path = "card.repo"});
  o.list("--tag", a.tag, "NAME", "A tag besides its kind and family; may be repeated",
         {.path = "card.tag", .type = Type::kTexts});
  o.list("--sample", a.sample, "PROMPT",
         "Make a picture or a video of this with the model and show it; may be repeated",
         {.path = "card.sample", .type = Type::kTexts});
  o.group(kReportGroup);
  o.text("-o,--output", a.output, "FILE", "Card to write (default DIR/README.md; - for standard output)",
         {.path = "card.output"}, file_or("-"));
  o.flag("--force", a.force, "Replace a card, and samples, that are there",
         {.path = "card.force", .type = Type::kFlag, .standard = "false"});
  add_report(o, a);
  o.configuration(a);
}

void define_config(CLI::App& program, ConfigCommandArguments& a, OptionTable& table) {
  OptionSet o(add_command(program, "config", "Check, show and begin configuration files", kConfigExamples), table);
  const ConfigKey none = no_key("it is about configurations, not in them");
  o.text("ACTION", a.action, "",
         "validate FILE...: check files; show: the values that they and the rest give together; "
         "schema: what a file may hold, as JSON Schema; init [FILE]: write a file to begin with (default swan.yaml)",
         none, choice({"validate", "show", "schema", "init"}));
  o.positionals("FILE", a.files, "Files of validate; the file that init writes", none, file());
  o.configuration(a);
  o.group("Show");
  o.flag("--origin", a.origin, "Say of each value where it comes from, and which it replaced", none);
  o.text("--format", a.format, "NAME", "yaml (default) or json", none, choice({"yaml", "json"}));
}

void define_serve(CLI::App& program, ServeArguments& a, OptionTable& table) {
  OptionSet o(add_command(program, "serve", "Serve pictures and videos over HTTP, with a web page", kServeExamples),
              table);
  o.group("Models");
  add_served_models(o, a);
  add_hub_place(o, a);
  add_compute(o, a, "results are");
  add_serve_options(o, a);
  o.configuration(a);
}

void define_completion(CLI::App& program, CompletionArguments& a, OptionTable& table) {
  OptionSet o(add_command(program, "completion", "Print a script that completes swan's options in a shell",
                          kCompletionExamples),
              table);
  o.text("SHELL", a.shell, "", "bash, zsh or fish", no_key("what one command prints"), choice({"bash", "zsh", "fish"}));
}

}  // namespace

void define_commands(CLI::App& program, Arguments& arguments, OptionTable& table) {
  define_image(program, arguments.image, table);
  define_video(program, arguments.video, table);
  define_embed(program, arguments.embed, table);
  define_info(program, arguments.info, table);
  define_convert(program, arguments.convert, table);
  define_pull(program, arguments.pull, table);
  define_push(program, arguments.push, table);
  define_card(program, arguments.card, table);
  define_config(program, arguments.config, table);
  define_serve(program, arguments.serve, table);
  define_completion(program, arguments.completion, table);
}

std::vector<std::string> familiar_options(const std::string& name) {
  static const std::map<std::string, std::vector<std::string>, std::less<>> table = {
      {"cfg", {"guidance-scale"}},
      {"cfg-scale", {"guidance-scale"}},
      {"sampler", {"scheduler"}},
      {"sampling-method", {"scheduler"}},
      {"denoising-step-list", {"timesteps"}},
      {"dmd-denoising-steps", {"timesteps"}},
      {"num-images-per-prompt", {"num-images"}},
      {"num-videos-per-prompt", {"num-videos"}},
      {"batch-size", {"num-images", "num-videos"}},
      {"num-images", {"num-videos"}},
      {"num-videos", {"num-images"}},
      {"chi", {"complex-instruction"}},
      {"tae", {"vae"}},
      {"taesd", {"vae"}},
      {"decoder", {"vae"}},
      {"precision", {"variant", "dtype"}},
      {"dtype", {"variant"}},
      {"torch-dtype", {"variant", "dtype"}},
      {"loras", {"lora"}},
      {"adapter", {"lora"}},
      {"lora-scale", {"lora"}},
      {"lora-path", {"lora"}},
      {"vram", {"memory-budget"}},
      {"max-vram", {"memory-budget"}},
      {"lowvram", {"memory-budget"}},
      {"low-vram", {"memory-budget"}},
      {"num-threads", {"threads"}},
      {"metadata", {"from"}},
      {"unet", {"transformer"}},
      {"diffusion-model", {"transformer"}},
      {"clip", {"text-encoder"}},
      {"t5", {"text-encoder"}},
      {"output-type", {"to"}},
      {"type", {"dtype"}},
      {"model-path", {"model"}},
      {"frames", {"num-frames"}},
      {"length", {"num-frames"}},
      {"duration", {"num-frames"}},
      {"video-length", {"num-frames"}},
      {"framerate", {"fps"}},
      {"frame-rate", {"fps"}},
      {"rate", {"fps"}},
      {"quality", {"crf"}},
      {"shift", {"flow-shift"}},
      {"sigma-shift", {"flow-shift"}},
      {"sample-shift", {"flow-shift"}},
      {"prompt-file", {"prompts"}},
      {"cache", {"embed-cache"}},
      {"embeds", {"prompt-embeds"}},
      {"embeddings", {"prompt-embeds"}},
      {"slerp", {"interpolation"}},
      {"to", {"prompt-to"}},
      {"init-image", {"image"}},
      {"input-image", {"image"}},
      {"img", {"image"}},
      {"init-video", {"video"}},
      {"input-video", {"video"}},
      {"inpaint", {"mask"}},
      {"mask-image", {"mask"}},
      {"denoising-strength", {"strength"}},
      {"image-strength", {"strength"}},
      {"pag", {"pag-scale"}},
      {"pag-applied-layers", {"pag-layers"}},
      {"download", {"model"}},
      {"repo", {"model"}},
      {"repo-id", {"model"}},
      {"local-files-only", {"offline"}},
      {"allow-patterns", {"include"}},
      {"ignore-patterns", {"exclude"}},
      {"max-workers", {"connections"}},
      {"branch", {"revision"}},
      {"commit", {"revision"}},
      {"mirror", {"endpoint"}},
      {"control", {"control-image"}},
      {"controlnet-image", {"control-image"}},
      {"controlnet-scale", {"control-scale"}},
      {"controlnet-conditioning-scale", {"control-scale"}},
      {"conditioning-scale", {"control-scale"}},
      {"preprocess", {"control-preprocess"}},
      {"preprocessor", {"control-preprocess"}},
  };
  const auto found = table.find(name);
  return found == table.end() ? std::vector<std::string>() : found->second;
}

}  // namespace swan::cli

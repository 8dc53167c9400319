#pragma once

#include <optional>
#include <string>
#include <vector>

namespace swan::cli {

/// What was typed after `swan image`, unconverted: one text per option, so that every message about a bad value is
/// ours, and so that "not given" is known (with --from, only what is given overrides).
struct ImageArguments {
  std::optional<std::string> positional_prompt;
  std::vector<std::string> prompt;
  std::vector<std::string> negative_prompt;
  std::optional<std::string> from;
  std::optional<std::string> model;
  std::optional<std::string> variant;
  std::optional<std::string> dtype;
  std::optional<std::string> device;
  std::optional<std::string> threads;
  std::optional<std::string> output;
  std::optional<std::string> width;
  std::optional<std::string> height;
  std::optional<std::string> num_images;
  std::optional<std::string> num_inference_steps;
  std::optional<std::string> guidance_scale;
  std::optional<std::string> seed;
  std::optional<std::string> scheduler;
  std::optional<std::string> complex_instruction;
  std::optional<std::string> max_sequence_length;
  std::optional<std::string> latents;
  std::optional<std::string> save_latents;
  bool no_resolution_binning = false;
  bool json = false;
  bool quiet = false;
  bool verbose = false;
};

/// `swan info`
struct InfoArguments {
  std::optional<std::string> model;
  std::optional<std::string> variant;
  bool json = false;
};

/// `swan completion`
struct CompletionArguments {
  std::optional<std::string> shell;
};

/// The whole command line.
struct Arguments {
  enum class Command { kHelp, kVersion, kImage, kInfo, kCompletion };

  Command command = Command::kHelp;
  std::string help;  ///< for kHelp, what to print
  ImageArguments image;
  InfoArguments info;
  CompletionArguments completion;
};

}  // namespace swan::cli

// make_random_model: models of the published shapes with random weights. See README.md.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>

#include "make_random_model/repository_writer.h"
#include "swan/error.h"
#include "swan/progress.h"

namespace {

using namespace swan::tools;

struct Arguments {
  std::string model, manifest, output, dtype = "manifest";
  RepositorySources sources{.manifests = SWAN_SOURCE_DIR "/tools/make_random_model/manifests", .tokenizer = ""};
  WriteOptions options;
};

void declare(CLI::App& app, Arguments& arguments) {
  std::vector<std::string> names;
  for (const Preset& preset : presets()) names.emplace_back(preset.name);
  app.add_option("model", arguments.model, "Write a whole repository of this model")->check(CLI::IsMember(names));
  app.add_option("--manifest", arguments.manifest, "Write the weights that this manifest (.json or .json.gz) lists");
  app.add_option("--output", arguments.output, "The repository's folder, or the .safetensors file for --manifest")
      ->required();
  app.add_option("--manifests", arguments.sources.manifests, "Folder of manifests")->capture_default_str();
  app.add_option("--tokenizer", arguments.sources.tokenizer,
                 "Folder of the tokenizer to copy (default: one of this project's)");
  app.add_option("--dtype", arguments.dtype, "Storage of the weights")
      ->check(CLI::IsMember({"manifest", "f32", "f16", "bf16"}))
      ->capture_default_str();
  app.add_option("--seed", arguments.options.seed, "Other seed, other weights")->capture_default_str();
  app.add_option("--max-shard-size", arguments.options.max_shard_bytes, "Such as 4GB: larger weights become shards")
      ->transform(CLI::AsSizeValue(true))
      ->default_str("10GB");
}

// Shows the bytes as percent of all, which the progress printer counts as steps.
class Progress {
 public:
  explicit Progress(size_t total) : total_(total) {}
  void add(size_t bytes) {
    done_ += bytes;
    printer_.update("write", static_cast<int>(done_ * 100 / total_), 100);
  }
  [[nodiscard]] size_t done() const noexcept { return done_; }

 private:
  size_t total_, done_ = 0;
  swan::ProgressPrinter printer_{stderr, swan::ProgressPrinter::is_terminal(stderr)};
};

void run(Arguments& arguments) {
  if (arguments.dtype != "manifest") arguments.options.dtype = swan::parse_dtype(arguments.dtype);
  const auto start = std::chrono::steady_clock::now();
  size_t written = 0;
  const auto with_progress = [&](size_t total, const auto& write) {
    Progress progress(total);
    arguments.options.written = [&](size_t bytes) { progress.add(bytes); };
    write();
    written = progress.done();
  };
  if (arguments.manifest.empty()) {
    const Preset& preset = find_preset(arguments.model);
    if (arguments.sources.tokenizer.empty())
      arguments.sources.tokenizer = fmt::format("{}/{}", SWAN_SOURCE_DIR, preset.family->tokenizer);
    with_progress(repository_bytes(preset, arguments.sources, arguments.options),
                  [&] { write_random_repository(preset, arguments.sources, arguments.output, arguments.options); });
  } else {
    const Manifest manifest = read_manifest(arguments.manifest);
    with_progress(weight_bytes(manifest, arguments.options), [&] {
      (void)write_random_weights(manifest, arguments.output, arguments.options);
      write_config(manifest, std::filesystem::absolute(arguments.output).parent_path().string(), arguments.options);
    });
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fmt::print("{}: {} in {} ({}/s)\n", arguments.output, swan::format_bytes(static_cast<double>(written)),
             swan::format_seconds(seconds), swan::format_bytes(static_cast<double>(written) / seconds));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    CLI::App app("Writes models of the published shapes with random weights.", "make_random_model");
    Arguments arguments;
    declare(app, arguments);
    CLI11_PARSE(app, argc, argv);
    if (arguments.model.empty() == arguments.manifest.empty()) {
      fmt::print(stderr, "make_random_model: give either a model's name or --manifest; see --help.\n");
      return 2;
    }
    run(arguments);
    return 0;
  } catch (const std::exception& error) {
    std::fputs(error.what(), stderr);
    std::fputc('\n', stderr);
    return 1;
  }
}

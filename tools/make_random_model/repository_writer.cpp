#include "make_random_model/repository_writer.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

#include "core/error.h"
#include "io/json.h"
#include "io/system.h"

namespace swan::tools {

namespace {

namespace fs = std::filesystem;

// The parts of a repository that have weights.
struct Part {
  std::string folder, stem;
  Manifest manifest;
};

std::vector<Part> parts_of(const Preset& preset, const RepositorySources& sources) {
  const auto manifest = [&](std::string_view name) {
    return read_manifest((fs::path(sources.manifests) / (std::string(name) + ".json.gz")).string());
  };
  return {{"transformer", "diffusion_pytorch_model", manifest(preset.transformer)},
          {"vae", "diffusion_pytorch_model", manifest(preset.family->vae)},
          {"text_encoder", "model", manifest(preset.family->text_encoder)}};
}

fs::path make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail(ErrorCode::kIo, "cannot make the folder {}: {}.", folder.string(), error.message());
  return folder;
}

void write_text(const fs::path& path, std::string_view text) {
  io::AtomicFile file(path.string());
  file.write(text);
  file.commit();
}

// Ids beyond the embedding table would be an error only when such a token occurs in a prompt.
void check_vocabulary(const RepositorySources& sources, const nlohmann::json& encoder_config) {
  const fs::path path = fs::path(sources.tokenizer) / "tokenizer.json";
  if (!fs::exists(path)) return;
  const nlohmann::json tokenizer = io::read_json(path.string());
  const auto size = tokenizer.value("/model/vocab"_json_pointer, nlohmann::json::object()).size();
  const auto rows = encoder_config.value("vocab_size", uint64_t{0});
  if (size > rows)
    fail(ErrorCode::kInvalidArgument,
         "the tokenizer {} has {} tokens, but the text encoder's table has {} rows; give another --tokenizer.",
         sources.tokenizer, size, rows);
}

void copy_tokenizer(const std::string& from, const fs::path& to) {
  constexpr size_t kMaxBytes = size_t{256} << 20;
  std::error_code error;
  size_t copied = 0;
  for (fs::directory_iterator it(from, error), end; !error && it != end; it.increment(error)) {
    if (std::error_code ignored; !it->is_regular_file(ignored)) continue;
    write_text(to / it->path().filename(), io::read_file(it->path().string(), kMaxBytes));
    ++copied;
  }
  if (error || copied == 0)
    fail(ErrorCode::kNotFound, "cannot copy the tokenizer from {}: {}; give the folder with --tokenizer.", from,
         error ? error.message() : "it holds no files");
}

}  // namespace

const std::vector<Preset>& presets() {
  static constexpr Family kSana = {.vae = "dcae_f32c32_sana_vae",
                                   .text_encoder = "gemma2_2b_text_encoder",
                                   .tokenizer_class = "GemmaTokenizer",
                                   .tokenizer = "models/swan-emoji-256/tokenizer"};
  static constexpr Family kWan = {.vae = "wan21_vae",
                                  .text_encoder = "umt5_xxl_text_encoder",
                                  .tokenizer_class = "T5TokenizerFast",
                                  .tokenizer = "tests/golden/tokenizers/umt5"};
  static const std::vector<Preset> list = {
      {"sana-0.6b", "SanaPipeline", "sana_600m_1024px_transformer", "dpmsolver", &kSana},
      {"sana-1.6b", "SanaPipeline", "sana_1600m_1024px_transformer", "dpmsolver", &kSana},
      {"sana-1.6b-2k", "SanaPipeline", "sana_1600m_2kpx_transformer", "dpmsolver", &kSana},
      {"sana-1.6b-4k", "SanaPipeline", "sana_1600m_4kpx_transformer", "dpmsolver", &kSana},
      {"sana1.5-1.6b", "SanaPipeline", "sana15_1600m_1024px_transformer", "dpmsolver", &kSana},
      {"sana1.5-4.8b", "SanaPipeline", "sana15_4800m_1024px_transformer", "dpmsolver", &kSana},
      {"sana-sprint-0.6b", "SanaSprintPipeline", "sana_sprint_600m_1024px_transformer", "scm", &kSana},
      {"sana-sprint-1.6b", "SanaSprintPipeline", "sana_sprint_1600m_1024px_transformer", "scm", &kSana},
      {"wan2.1-1.3b", "WanPipeline", "wan21_t2v_1_3b_transformer", "unipc", &kWan},
      {"wan2.1-14b", "WanPipeline", "wan21_t2v_14b_transformer", "unipc", &kWan}};
  return list;
}

const Preset& find_preset(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Preset& preset : presets()) {
    if (preset.name == name) return preset;
    names.push_back(preset.name);
  }
  fail(ErrorCode::kInvalidArgument, "there is no model '{}'; known: {}.", name, fmt::join(names, ", "));
}

size_t repository_bytes(const Preset& preset, const RepositorySources& sources, const WriteOptions& options) {
  size_t bytes = 0;
  for (const Part& part : parts_of(preset, sources)) bytes += weight_bytes(part.manifest, options);
  return bytes;
}

void write_config(const Manifest& manifest, const std::string& folder, const WriteOptions& options) {
  nlohmann::json config = manifest.config;
  // transformers' configurations state the dtype of the weights.
  constexpr std::array<std::pair<DType, const char*>, 3> kNames = {
      {{DType::kF32, "float32"}, {DType::kF16, "float16"}, {DType::kBF16, "bfloat16"}}};
  if (options.dtype && config.contains("torch_dtype"))
    for (const auto& [dtype, name] : kNames)
      if (dtype == *options.dtype) config["torch_dtype"] = name;
  write_text(fs::path(folder) / "config.json", config.dump(2) + "\n");
}

void write_random_repository(const Preset& preset, const RepositorySources& sources, const std::string& output,
                             const WriteOptions& options) {
  const std::vector<Part> parts = parts_of(preset, sources);
  const auto encoder =
      std::find_if(parts.begin(), parts.end(), [](const Part& p) { return p.folder == "text_encoder"; });
  check_vocabulary(sources, encoder->manifest.config);

  const fs::path root = make_folder(output);
  copy_tokenizer(sources.tokenizer, make_folder(root / "tokenizer"));
  constexpr size_t kMaxConfigBytes = size_t{1} << 20;
  const std::string scheduler =
      io::read_file((fs::path(sources.manifests) / fmt::format("{}_scheduler_config.json", preset.scheduler)).string(),
                    kMaxConfigBytes);
  write_text(make_folder(root / "scheduler") / "scheduler_config.json", scheduler);
  nlohmann::ordered_json index = {
      {"_class_name", preset.pipeline},
      {"scheduler", {"diffusers", io::parse_json(scheduler, "scheduler_config.json").value("_class_name", "")}},
      {"text_encoder", {"transformers", encoder->manifest.class_name}},
      {"tokenizer", {"transformers", preset.family->tokenizer_class}}};
  for (const Part& part : parts) {
    const fs::path folder = make_folder(root / part.folder);
    write_config(part.manifest, folder.string(), options);
    (void)write_random_weights(part.manifest, (folder / (part.stem + ".safetensors")).string(), options);
    if (part.folder != "text_encoder") index[part.folder] = {"diffusers", part.manifest.class_name};
  }
  // Last, so that an interrupted run is not taken for a repository.
  write_text(root / "model_index.json", index.dump(2) + "\n");
}

}  // namespace swan::tools

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "io/checkpoint/checkpoint.h"
#include "io/open_tensor_file.h"
#include "io/weight_files.h"
#include "io/weights.h"
#include "models/autoencoder_tiny.h"
#include "nn/lora_names.h"
#include "pipelines/model_files.h"
#include "swan/file_info.h"

namespace swan {

namespace pipelines {

namespace {

namespace fs = std::filesystem;

constexpr const char* kLoraFile = "pytorch_lora_weights.safetensors";

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

void count(const io::TensorFile& file, FileInfo& info) {
  std::map<std::string, int64_t> types;
  for (const auto& [name, type] : info.parameters_by_type) types[name] = type;
  for (const auto& [name, entry] : file.entries()) {
    types[file.stored_type(name)] += entry.shape.numel();
    info.parameters += entry.shape.numel();
    ++info.tensors;
  }
  std::error_code error;
  const uintmax_t bytes = fs::file_size(file.path(), error);
  if (!error) info.bytes += static_cast<int64_t>(bytes);
  info.parameters_by_type.assign(types.begin(), types.end());
  std::stable_sort(info.parameters_by_type.begin(), info.parameters_by_type.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
}

void describe_network(const io::Component& c, FileInfo& info) {
  info.kind = FileInfo::Kind::kNetwork;
  info.component = c.name;
  info.class_name = c.class_name;
  info.option = option_of(c.name);
  if (c.checkpoint) {
    info.names = c.checkpoint->format->name;
    info.prefix = c.checkpoint->prefix;
    info.config = c.checkpoint->config.json().dump();
    info.tokenizer = !c.checkpoint->tokenizer.empty();
  } else {
    info.names = c.library == "transformers" ? "transformers' names" : "diffusers' names";
    info.config = io::Config::read(c.directory + "/config.json").json().dump();
  }
}

// The decoder of a tiny autoencoder, which no repository has.
void describe_tiny(const std::shared_ptr<io::Weights>& weights, FileInfo& info) {
  info.kind = FileInfo::Kind::kNetwork;
  info.component = "vae";
  info.class_name = "AutoencoderTiny";
  try {
    const models::AutoencoderTiny tiny(weights, std::nullopt);
    info.names = tiny.is_video() ? "TAEHV's names" : "TAESD's names";
    info.option = option_of(info.component);
    info.config = nlohmann::json{{"latent_channels", tiny.latent_channels()},
                                 {"spatial_compression_ratio", tiny.spatial_compression_ratio()},
                                 {"temporal_compression_ratio", tiny.temporal_compression_ratio()}}
                      .dump();
  } catch (const Error& error) {
    info.problem = error.what();
  }
}

// Which published model the widths of a LoRA's modules are of.
struct Width {
  bool wan;
  int64_t width;
  const char* model;
};
constexpr std::array kWidths = {
    Width{true, 1536, "Wan 2.1 1.3B"},       Width{true, 5120, "Wan 2.1 14B"}, Width{true, 3072, "Wan 2.2 5B"},
    Width{false, 2240, "Sana 1.6B or 4.8B"}, Width{false, 1152, "Sana 0.6B"},
};

// "diffusion_model.blocks.N.self_attn.q" of any block's.
std::string without_numbers(std::string_view stem) {
  std::string out;
  for (size_t i = 0; i < stem.size(); ++i) {
    const auto digit = [&](size_t at) { return at < stem.size() && stem[at] >= '0' && stem[at] <= '9'; };
    const bool starts = digit(i) && (i == 0 || stem[i - 1] == '.' || stem[i - 1] == '_');
    size_t end = i;
    while (starts && digit(end)) ++end;
    if (starts && (end == stem.size() || stem[end] == '.' || stem[end] == '_')) {
      out += 'N';
      i = end - 1;
    } else {
      out += stem[i];
    }
  }
  return out;
}

void describe_lora(const io::TensorFile& file, FileInfo& info) {
  std::map<int64_t, int64_t> ranks, inputs;  // how many
  std::set<std::string> modules, targets;
  bool wan = false, sana = false;
  for (const auto& [key, entry] : file.entries()) {
    const auto split = nn::split_lora_key(key);
    if (!split) continue;
    const auto& [stem, part] = *split;
    modules.emplace(stem);
    targets.insert(without_numbers(stem));
    sana = sana || stem.find("transformer_blocks") != stem.npos;
    wan = wan || stem.find("self_attn") != stem.npos || stem.find("cross_attn") != stem.npos ||
          stem.find("ffn") != stem.npos;
    if (part != nn::LoraPart::kDown || entry.shape.rank() < 2) continue;
    ++ranks[entry.shape[0]];
    ++inputs[entry.shape[1]];
  }
  if (modules.empty()) return;
  info.kind = FileInfo::Kind::kLora;
  info.option = "--lora";
  info.modules = static_cast<int64_t>(modules.size());
  info.ranks.assign(ranks.begin(), ranks.end());
  info.targets.assign(targets.begin(), targets.end());
  const auto most =
      std::max_element(inputs.begin(), inputs.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == inputs.end()) return;
  for (const Width& known : kWidths)
    if (known.width == most->first && (known.wan ? !sana : sana && !wan)) info.base_model = known.model;
}

}  // namespace

}  // namespace pipelines

bool is_single_file(const std::string& path) {
  using pipelines::is_file;
  const std::filesystem::path folder(path);
  if (is_file(folder)) return true;
  return !is_file(folder / "model_index.json") &&
         (is_file(folder / "config.json") || is_file(folder / pipelines::kLoraFile));
}

FileInfo inspect_file(const std::string& path) {
  using namespace pipelines;
  FileInfo info;
  info.path = path;
  if (fs::is_directory(path) && is_file(fs::path(path) / "config.json")) {
    const io::Component c = open_component(path);
    for (const std::string& name : io::find_weight_files(path, c.weight_stem(), "").files) {
      const auto file = io::open_tensor_file(name);
      info.container = file->container();
      count(*file, info);
    }
    describe_network(c, info);
    return info;
  }
  const auto file = io::open_tensor_file(is_file(path) ? path : (fs::path(path) / kLoraFile).string());
  info.container = file->container();
  count(*file, info);
  if (const auto found = io::recognise_checkpoint(*file)) {
    info.kind = FileInfo::Kind::kNetwork;
    info.component = found->format->component;
    info.class_name = found->format->class_name;
    info.names = found->format->name;
    info.prefix = found->prefix;
    try {
      describe_network(open_component(path), info);
    } catch (const Error& error) {
      info.problem = error.what();
    }
    return info;
  }
  if (const auto weights = io::Weights::of(file); models::AutoencoderTiny::is_one(*weights)) {
    describe_tiny(weights, info);
    return info;
  }
  describe_lora(*file, info);
  if (info.kind == FileInfo::Kind::kUnknown) {
    constexpr size_t kShown = 8;
    for (const auto& [name, entry] : file->entries())
      if (info.some_names.size() < kShown) info.some_names.push_back(name);
    info.problem = "its tensors are of no network that Swan knows";
  }
  return info;
}

}  // namespace swan

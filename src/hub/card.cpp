#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <system_error>

#include "core/error.h"
#include "core/text.h"
#include "hub/names.h"
#include "io/system.h"
#include "swan/hub.h"
#include "swan/pipeline.h"
#include "swan/progress.h"

namespace swan {

namespace {

namespace fs = std::filesystem;

// What differs between models of pictures and of videos.
struct Kind {
  const char *tag, *noun, *command, *example, *diffusers;
};
constexpr Kind kImage = {"text-to-image", "pictures", "image", "a red fox in the snow",
                         "image = pipe(\"a red fox in the snow\").images[0]\nimage.save(\"fox.png\")"};
constexpr Kind kVideo = {"text-to-video", "videos", "video", "a wave rolls onto the beach",
                         "from diffusers.utils import export_to_video\n\n"
                         "frames = pipe(\"a wave rolls onto the beach\").frames[0]\n"
                         "export_to_video(frames, \"wave.mp4\", fps=16)"};

const Kind& kind_of(const std::string& class_name) { return class_name.starts_with("Wan") ? kVideo : kImage; }

// As one value of YAML; what is not plain is quoted as in JSON, which is YAML too. Hubs read YAML 1.1, in which many
// words and all that begins with a digit, a dot or a sign may be something else than text.
std::string yaml(const std::string& text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == '/';
  });
  const std::string word = in_lower_case(text);
  constexpr std::array<std::string_view, 9> kOthers = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
  const bool is_word = plain && word.front() >= 'a' && word.front() <= 'z' &&
                       std::find(kOthers.begin(), kOthers.end(), word) == kOthers.end();
  if (is_word) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return out + "\"";
}

// Within a line of Markdown, and not as markup.
std::string markdown(const std::string& text) {
  constexpr std::string_view kMarks = "\\`*_{}[]<>()#+|!";
  std::string out;
  for (const char c : printable_utf8(text)) {
    if (kMarks.find(c) != std::string_view::npos) out += '\\';
    out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return out;
}

std::string count(int64_t parameters) {
  if (parameters >= 1'000'000'000) return fmt::format("{:.2f} B", static_cast<double>(parameters) / 1e9);
  if (parameters >= 1'000'000) return fmt::format("{:.1f} M", static_cast<double>(parameters) / 1e6);
  return parameters == 0 ? "-" : fmt::format("{}", parameters);
}

bool is_float(const std::string& type) { return type == "f32" || type == "f16" || type == "bf16" || type == "f64"; }

// torch's name of what most of a model's largest component is stored in.
std::string torch_dtype(const ModelInfo& info) {
  const auto largest = std::max_element(info.components.begin(), info.components.end(),
                                        [](const auto& a, const auto& b) { return a.bytes < b.bytes; });
  if (largest == info.components.end() || largest->parameters_by_dtype.empty()) return "float32";
  const std::string& type = largest->parameters_by_dtype.front().first;
  return type == "f16" ? "float16" : type == "bf16" ? "bfloat16" : "float32";
}

std::string metadata(const ModelInfo& info, const CardOptions& options, const Kind& kind) {
  std::string out = "---\n";
  if (!options.license.empty()) out += "license: " + yaml(options.license) + "\n";
  out += "library_name: diffusers\n";
  out += fmt::format("pipeline_tag: {}\n", kind.tag);
  if (!options.base_model.empty()) out += "base_model: " + yaml(options.base_model) + "\n";
  std::vector<std::string> tags = {"swan", kind.tag, info.class_name.starts_with("Wan") ? "wan" : "sana"};
  for (const std::string& tag : options.tags)
    if (std::find(tags.begin(), tags.end(), tag) == tags.end()) tags.push_back(tag);
  out += "tags:\n";
  for (const std::string& tag : tags) out += "- " + yaml(tag) + "\n";
  return out + "---\n\n";
}

std::string contents(const ModelInfo& info) {
  std::string out =
      "## What it holds\n\n| component | class | parameters | stored as | size |\n| --- | --- | ---: | --- | ---: |\n";
  int64_t parameters = 0, bytes = 0;
  std::set<std::string> quantised;
  for (const ComponentInfo& c : info.components) {
    std::vector<std::string> types;
    for (const auto& [type, number] : c.parameters_by_dtype) {
      types.push_back(c.parameters_by_dtype.size() == 1 ? type : fmt::format("{} ({})", type, count(number)));
      if (!is_float(type)) quantised.insert(type);
    }
    out += fmt::format("| {} | {} | {} | {} | {} |\n", markdown(c.name), markdown(c.class_name), count(c.parameters),
                       types.empty() ? "-" : fmt::format("{}", fmt::join(types, ", ")),
                       format_bytes(static_cast<double>(c.bytes)));
    parameters += c.parameters;
    bytes += c.bytes;
  }
  out += fmt::format("| total | | {} | | {} |\n\n", count(parameters), format_bytes(static_cast<double>(bytes)));
  if (quantised.empty())
    out += "Weights are not quantised.\n";
  else
    out += fmt::format("Some weights are quantised: {}.\n", fmt::join(quantised, ", "));
  return out;
}

}  // namespace

std::string model_card(const std::string& folder, const CardOptions& options) {
  const auto is_license = [](const std::string& text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'; });
  };
  if (!is_license(options.license))
    fail(ErrorCode::kInvalidArgument,
         "'{}' is no licence's name at a hub; it is of small letters, such as apache-2.0, mit, cc-by-4.0 or other.",
         options.license);
  for (const std::string& id : {options.base_model, options.repo})
    if (!id.empty() && !hub::is_repo_id(id))
      fail(ErrorCode::kInvalidArgument, "'{}' is not the name of a model; it should be org/name.", id);
  const ModelInfo info = inspect_model(folder);
  for (const ComponentInfo& c : info.components)
    if (!c.missing.empty())
      fail(ErrorCode::kCorruptFile, "cannot write a card of {}: {} is not complete: {}", folder, c.name,
           c.missing.front());

  const Kind& kind = kind_of(info.class_name);
  const std::string path = fs::absolute(folder).lexically_normal().string();
  std::string name = fs::path(path.ends_with('/') ? path.substr(0, path.size() - 1) : path).filename().string();
  if (!options.repo.empty()) name = options.repo.substr(options.repo.find('/') + 1);
  const std::string id = options.repo.empty() ? "./" + name : options.repo;
  std::string out = metadata(info, options, kind);
  out += fmt::format("# {}\n\nA model that makes {} from text, in diffusers' layout (`{}`)", markdown(name), kind.noun,
                     info.class_name);
  out += options.base_model.empty() ? ".\n\n" : fmt::format(", made from `{}`.\n\n", options.base_model);
  out +=
      fmt::format("## Use\n\nWith Swan:\n\n```sh\nswan {} \"{}\" --model {}\n```\n\n", kind.command, kind.example, id);
  out += fmt::format(
      "With diffusers:\n\n```python\nimport torch\nfrom diffusers import {}\n\n"
      "pipe = {}.from_pretrained(\"{}\", torch_dtype=torch.{})\npipe.to(\"cuda\")\n{}\n```\n\n",
      info.class_name, info.class_name, id, torch_dtype(info), kind.diffusers);
  if (!options.samples.empty()) {
    out += "## Samples\n\nMade with Swan at the model's own settings.\n\n";
    for (const CardSample& sample : options.samples)
      out += fmt::format("![{}]({})\n\n{}\n\n", markdown(sample.prompt), hub::url_escaped(sample.file, true),
                         markdown(sample.prompt));
  }
  return out + contents(info);
}

void write_model_card(const std::string& path, const std::string& text, bool overwrite) {
  std::error_code error;
  if (!overwrite && fs::exists(fs::symlink_status(path, error)))
    fail(ErrorCode::kInvalidArgument, "{} is there already; give --force to replace it, or another name with --output.",
         path);
  io::AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace swan

#include "cli/file_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "cli/info_report.h"
#include "cli/report.h"
#include "swan/progress.h"

namespace swan::cli {

namespace {

using Json = nlohmann::ordered_json;

const char* kind_name(FileInfo::Kind kind) {
  switch (kind) {
    case FileInfo::Kind::kNetwork:
      return "network";
    case FileInfo::Kind::kLora:
      return "lora";
    case FileInfo::Kind::kUnknown:
      break;
  }
  return "unknown";
}

// A line of the text: what it is about, and what there is to say.
std::string line(const char* name, const std::string& text) { return fmt::format("  {:<10}  {}\n", name, text); }

std::string network_text(const FileInfo& info) {
  std::string out = line("network", fmt::format("{} ({})", info.class_name, info.component));
  out += line("names", info.prefix.empty() ? info.names : fmt::format("{}, after '{}'", info.names, info.prefix));
  if (info.tokenizer) out += line("tokenizer", "in the file");
  return out;
}

std::string lora_text(const FileInfo& info) {
  constexpr size_t kShown = 12;
  std::string out = line("LoRA", fmt::format("{} modules", info.modules));
  std::vector<std::string> ranks;
  for (const auto& [rank, count] : info.ranks)
    ranks.push_back(info.ranks.size() == 1 ? fmt::format("{}", rank) : fmt::format("{} ({} modules)", rank, count));
  if (!ranks.empty()) out += line("rank", fmt::format("{}", fmt::join(ranks, ", ")));
  if (!info.base_model.empty()) out += line("for", info.base_model + ", as its widths say");
  for (size_t i = 0; i < std::min(kShown, info.targets.size()); ++i)
    out += line(i == 0 ? "targets" : "", info.targets[i]);
  if (info.targets.size() > kShown) out += line("", fmt::format("and {} more", info.targets.size() - kShown));
  return out;
}

}  // namespace

std::string file_json(const FileInfo& info) {
  Json json;
  json["path"] = info.path;
  json["container"] = info.container;
  json["kind"] = kind_name(info.kind);
  json["usable"] = info.problem.empty();
  if (!info.problem.empty()) json["problem"] = info.problem;
  if (!info.option.empty()) json["option"] = info.option;
  if (info.kind == FileInfo::Kind::kNetwork) {
    json["component"] = info.component;
    json["class_name"] = info.class_name;
    json["names"] = info.names;
    json["prefix"] = info.prefix;
    json["tokenizer"] = info.tokenizer;
    json["config"] = info.config.empty() ? Json() : Json::parse(info.config, nullptr, false);
  }
  if (info.kind == FileInfo::Kind::kLora) {
    json["modules"] = info.modules;
    json["ranks"] = Json::object();
    for (const auto& [rank, count] : info.ranks) json["ranks"][std::to_string(rank)] = count;
    json["targets"] = info.targets;
    if (!info.base_model.empty()) json["base_model"] = info.base_model;
  }
  if (!info.some_names.empty()) json["some_names"] = info.some_names;
  json["tensors"] = info.tensors;
  json["parameters"] = info.parameters;
  json["parameters_by_dtype"] = Json::object();
  for (const auto& [type, count] : info.parameters_by_type) json["parameters_by_dtype"][type] = count;
  json["bytes"] = info.bytes;
  return one_line(json);
}

std::string file_text(const FileInfo& info) {
  std::string out = info.path + "\n";
  if (info.kind == FileInfo::Kind::kNetwork) out += network_text(info);
  if (info.kind == FileInfo::Kind::kLora) out += lora_text(info);
  if (info.kind == FileInfo::Kind::kUnknown) {
    out += line("unknown", fmt::format("{} tensors", info.tensors));
    for (const std::string& name : info.some_names) out += line("", name);
  }
  out += line("file", fmt::format("{}, {}", info.container, format_bytes(static_cast<double>(info.bytes))));
  out += line("parameters", format_count(info.parameters));
  std::vector<std::string> types;
  for (const auto& [type, count] : info.parameters_by_type)
    types.push_back(fmt::format("{} ({})", type, format_count(count)));
  out += line("dtypes", fmt::format("{}", fmt::join(types, ", ")));
  if (!info.problem.empty()) {
    out += line("no use", info.problem);
  } else if (!info.option.empty()) {
    out += line("option", fmt::format("{} {}", info.option, info.path));
  }
  return out;
}

}  // namespace swan::cli

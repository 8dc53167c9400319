#include "cli/report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "swan/progress.h"

namespace swan::cli {

namespace {

using Json = nlohmann::ordered_json;

// A value from a repository need not be UTF-8; a report about it must not fail for that.
std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

// The settings that the pipeline recorded for the first picture, an object.
Json recorded(const ImageRun& run) {
  if (run.result.parameters.empty()) return Json::object();
  Json parameters = Json::parse(run.result.parameters.front(), nullptr, /*allow_exceptions=*/false);
  return parameters.is_object() ? parameters : Json::object();
}

Json rounded_seconds(double seconds) { return std::round(seconds * 1e6) / 1e6; }

std::string dtypes_text(const ComponentInfo& component) {
  std::vector<std::string> names;
  for (const auto& [dtype, count] : component.parameters_by_dtype) names.push_back(dtype);
  return names.empty() ? "-" : fmt::format("{}", fmt::join(names, ", "));
}

// Rows of equal length as columns; the first row is the heading.
std::string table(const std::vector<std::vector<std::string>>& rows, const std::vector<bool>& right) {
  std::vector<size_t> widths(right.size(), 0);
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += right[i] ? fmt::format("{:>{}}  ", row[i], widths[i]) : fmt::format("{:<{}}  ", row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace

std::string format_count(int64_t count) {
  constexpr std::array<std::pair<double, const char*>, 2> kUnits = {{{1e9, "B"}, {1e6, "M"}}};
  for (const auto& [unit, name] : kUnits) {
    if (static_cast<double>(count) >= unit) return fmt::format("{:.2f} {}", static_cast<double>(count) / unit, name);
  }
  return fmt::format("{}", count);
}

std::string image_json(const ImageRun& run) {
  const Json parameters = recorded(run);
  Json json;
  json["files"] = run.files;
  if (!run.latents.empty()) json["latents"] = run.latents;
  json["prompt"] = run.request.prompt;
  json["negative_prompt"] = run.request.negative_prompt;
  json["seed"] = run.request.seed.front();
  json["seeds"] = run.request.seed;
  json["width"] = run.result.width;
  json["height"] = run.result.height;
  json["steps"] = run.request.num_inference_steps;
  json["guidance_scale"] = run.request.guidance_scale;
  for (const char* key : {"model", "scheduler", "dtype", "device", "version"}) {
    if (parameters.contains(key)) json[key] = parameters[key];
  }
  Json seconds = Json::object();
  for (const auto& [stage, time] : run.seconds) seconds[stage] = rounded_seconds(time);
  json["seconds"] = std::move(seconds);
  json["peak_memory_bytes"] = run.result.peak_bytes;
  return dump(json);
}

std::string image_text(const ImageRun& run) {
  const ImageRequest& request = run.request;
  const Json parameters = recorded(run);
  std::string out;
  for (const std::string& file : run.files) out += file + "\n";
  if (!run.latents.empty()) out += fmt::format("{} (latents)\n", run.latents);
  const std::string scheduler = parameters.contains("scheduler") && parameters["scheduler"].is_string()
                                    ? ", " + parameters["scheduler"].get<std::string>()
                                    : "";
  out += fmt::format("  picture  {} x {} pixels\n", run.result.width, run.result.height);
  out += fmt::format("  seed     {}\n", fmt::join(request.seed, ","));
  out +=
      fmt::format("  steps    {}, guidance {:g}{}\n", request.num_inference_steps, request.guidance_scale, scheduler);
  std::vector<std::string> stages;
  for (const auto& [stage, time] : run.seconds) {
    stages.push_back(fmt::format("{} {}", stage, time < 1 ? fmt::format("{:.2f} s", time) : format_seconds(time)));
  }
  out += fmt::format("  time     {}\n", fmt::join(stages, ", "));
  out += fmt::format("  memory   {} at the peak\n", format_bytes(static_cast<double>(run.result.peak_bytes)));
  return out;
}

std::string info_json(const ModelInfo& info) {
  Json components = Json::array();
  int64_t parameters = 0;
  int64_t bytes = 0;
  for (const ComponentInfo& component : info.components) {
    Json c;
    c["name"] = component.name;
    c["class_name"] = component.class_name;
    c["files"] = component.files;
    c["missing"] = component.missing;
    c["parameters"] = component.parameters;
    Json by_dtype = Json::object();
    for (const auto& [dtype, count] : component.parameters_by_dtype) by_dtype[dtype] = count;
    c["parameters_by_dtype"] = std::move(by_dtype);
    c["bytes"] = component.bytes;
    components.push_back(std::move(c));
    parameters += component.parameters;
    bytes += component.bytes;
  }
  Json json;
  json["path"] = info.path;
  json["class_name"] = info.class_name;
  json["complete"] = info.complete();
  json["parameters"] = parameters;
  json["bytes"] = bytes;
  json["components"] = std::move(components);
  return dump(json);
}

std::string info_text(const ModelInfo& info) {
  std::vector<std::vector<std::string>> rows = {{"component", "class", "parameters", "dtype", "size", "status"}};
  int64_t parameters = 0;
  int64_t bytes = 0;
  for (const ComponentInfo& component : info.components) {
    const size_t missing = component.missing.size();
    rows.push_back({component.name, component.class_name,
                    component.parameters > 0 ? format_count(component.parameters) : "-", dtypes_text(component),
                    format_bytes(static_cast<double>(component.bytes)),
                    missing == 0 ? "complete" : fmt::format("{} missing", missing)});
    parameters += component.parameters;
    bytes += component.bytes;
  }
  rows.push_back({"total", "", format_count(parameters), "", format_bytes(static_cast<double>(bytes)),
                  info.complete() ? "complete" : "incomplete"});

  std::string out = fmt::format("{}\n{}\n\n", info.path, info.class_name);
  out += table(rows, {false, false, true, false, true, false});
  for (const ComponentInfo& component : info.components) {
    if (component.missing.empty()) continue;
    out += fmt::format("\n{} lacks:\n", component.name);
    for (const std::string& file : component.missing) out += fmt::format("  {}\n", file);
  }
  return out;
}

std::string error_json(const std::string& code, const std::string& message) {
  Json json;
  json["error"]["code"] = code;
  json["error"]["message"] = message;
  return dump(json);
}

}  // namespace swan::cli

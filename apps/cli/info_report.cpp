#include "cli/info_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "cli/report.h"
#include "swan/progress.h"

namespace swan::cli {

namespace {

using Json = nlohmann::ordered_json;

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
  return one_line(json);
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

}  // namespace swan::cli

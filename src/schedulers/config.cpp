#include "schedulers/config.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/log.h"
#include "io/json.h"

namespace swan::schedulers {

ConfigSource::ConfigSource(const std::string& file) : json(io::read_json(file)), path(file) {}

ConfigReader::ConfigReader(nlohmann::json json, std::string path) : json_(std::move(json)), path_(std::move(path)) {
  if (!json_.is_object())
    fail(ErrorCode::kCorruptFile, "{} is not a scheduler's configuration: expected a JSON object; download it again.",
         path_);
}

bool ConfigReader::has(const std::string& key) const {
  const auto it = json_.find(key);
  return it != json_.end() && !it->is_null();
}

const nlohmann::json& ConfigReader::value(const std::string& key) {
  static const nlohmann::json absent;
  seen_.insert(key);
  const auto it = json_.find(key);
  return it == json_.end() ? absent : *it;
}

void ConfigReader::wrong(const std::string& key, const std::string& expected) const {
  fail(ErrorCode::kCorruptFile, "{}: '{}' is {}, expected {}; download the file again or correct it.", path_, key,
       json_.at(key).dump(), expected);
}

bool ConfigReader::flag(const std::string& key, bool fallback) {
  const nlohmann::json& v = value(key);
  if (v.is_null()) return fallback;
  if (!v.is_boolean()) wrong(key, "true or false");
  return v.get<bool>();
}

namespace {
bool is_whole(const nlohmann::json& v, int low, int high) {
  const double number = v.is_number() ? v.get<double>() : NAN;
  return number >= low && number <= high && number == std::floor(number);
}
}  // namespace

int ConfigReader::integer(const std::string& key, int fallback, int low, int high) {
  const nlohmann::json& v = value(key);
  if (v.is_null()) return fallback;
  if (!is_whole(v, low, high)) wrong(key, fmt::format("a whole number from {} to {}", low, high));
  return v.get<int>();
}

std::set<int> ConfigReader::integers(const std::string& key, int low, int high) {
  const nlohmann::json& v = value(key);
  if (v.is_null()) return {};
  if (!v.is_array() || !std::all_of(v.begin(), v.end(), [&](const auto& item) { return is_whole(item, low, high); }))
    wrong(key, fmt::format("a list of whole numbers from {} to {}", low, high));
  return v.get<std::set<int>>();
}

double ConfigReader::number(const std::string& key, double fallback) {
  const nlohmann::json& v = value(key);
  if (v.is_null()) return fallback;
  if (!v.is_number() || !std::isfinite(v.get<double>())) wrong(key, "a number");
  return v.get<double>();
}

double ConfigReader::positive(const std::string& key, double fallback) {
  const nlohmann::json& v = value(key);
  if (v.is_null()) return fallback;
  const double number = v.is_number() ? v.get<double>() : NAN;
  if (!(number > 0 && std::isfinite(number))) wrong(key, "a number above zero");
  return number;
}

std::string ConfigReader::choice(const std::string& key, const std::string& fallback,
                                 std::initializer_list<const char*> known) {
  const nlohmann::json& v = value(key);
  if (!v.is_null() && !v.is_string()) wrong(key, "a string");
  auto chosen = v.is_null() ? fallback : v.get<std::string>();
  if (std::none_of(known.begin(), known.end(), [&](const char* k) { return chosen == k; }))
    fail(ErrorCode::kUnsupported,
         "{}: '{}' is \"{}\", which Swan does not implement (it knows {}); choose another scheduler with --scheduler.",
         path_, key, chosen, fmt::join(known, ", "));
  return chosen;
}

void ConfigReader::require(const std::string& key, bool fallback, const char* reason) {
  if (flag(key, fallback)) return;
  fail(ErrorCode::kUnsupported, "{}: '{}' is false, but {}.", path_, key, reason);
}

void ConfigReader::refuse(const std::string& key) {
  const nlohmann::json& v = value(key);
  const bool off = v.is_null() || (v.is_boolean() && !v.get<bool>()) || (v.is_number() && v.get<double>() == 0);
  if (off) return;
  fail(ErrorCode::kUnsupported,
       "{}: '{}' is {}, which Swan does not implement; switch it off or choose another scheduler.", path_, key,
       v.dump());
}

void ConfigReader::report_unknown() const {
  std::vector<std::string> unknown;
  for (const auto& [key, v] : json_.items())
    if (!key.starts_with('_') && !seen_.contains(key)) unknown.push_back(key);
  if (!unknown.empty())
    log(LogLevel::kWarning, "{}: unknown options are left out of account: {}.", path_, fmt::join(unknown, ", "));
}

}  // namespace swan::schedulers

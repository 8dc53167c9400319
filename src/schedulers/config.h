#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "io/config.h"

namespace swan::schedulers {

/// A scheduler's configuration: a file of that name, or what was read elsewhere.
struct ConfigSource {
  /// @throws Error as io::read_json
  ConfigSource(const std::string& file);
  ConfigSource(const char* file) : ConfigSource(std::string(file)) {}
  ConfigSource(const io::Config& config) : json(config.json()), path(config.path()) {}
  nlohmann::json json;
  std::string path;  ///< names it in messages
};

/// A scheduler_config.json. An absent or null key gives the reference's default; a value of the wrong type or out of
/// range is an error naming the file and the key. It remembers which keys were asked for, so that the others can be
/// reported.
class ConfigReader {
 public:
  /// @throws Error kCorruptFile when `json` is not an object
  ConfigReader(nlohmann::json json, std::string path);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] bool has(const std::string& key) const;

  [[nodiscard]] bool flag(const std::string& key, bool fallback);
  [[nodiscard]] int integer(const std::string& key, int fallback, int low, int high);
  [[nodiscard]] double number(const std::string& key, double fallback);
  /// A finite number above zero.
  [[nodiscard]] double positive(const std::string& key, double fallback);
  /// One of `known`. @throws Error kUnsupported naming the value and the known ones
  [[nodiscard]] std::string choice(const std::string& key, const std::string& fallback,
                                   std::initializer_list<const char*> known);

  /// A list of whole numbers, empty where the key is absent.
  [[nodiscard]] std::set<int> integers(const std::string& key, int low, int high);

  /// @throws Error kUnsupported saying that `reason`, when the flag, or `fallback` in its absence, is not set
  void require(const std::string& key, bool fallback, const char* reason);
  /// @throws Error kUnsupported naming the key and its value, when it is there and neither null, false nor a zero
  void refuse(const std::string& key);
  /// Keys that mean nothing for a flow, or nothing without an option that is refused.
  void ignore(std::initializer_list<const char*> keys) { seen_.insert(keys.begin(), keys.end()); }
  /// Logs a warning for each key that nobody asked for: a newer release may mean something by it.
  void report_unknown() const;

 private:
  [[nodiscard]] const nlohmann::json& value(const std::string& key);
  [[noreturn]] void wrong(const std::string& key, const std::string& expected) const;

  nlohmann::json json_;
  std::string path_;
  std::set<std::string> seen_;
};

}  // namespace swan::schedulers

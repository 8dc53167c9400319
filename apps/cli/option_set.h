#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/command_line.h"
#include "cli/config_key.h"

namespace swan::cli {

/// What the program knows of its options beside CLI11.
struct OptionTable {
  /// An option, its key in a configuration, and how it is given a value from there.
  struct Entry {
    std::string command;  ///< "image"
    std::string name;     ///< "--guidance-scale", or "PROMPT" of a positional
    std::string description;
    ConfigKey key;
    const CLI::Option* option = nullptr;
    std::function<void(const std::vector<std::string>&)> store;  ///< as if these texts were typed; of a flag "true"
  };

  std::map<const CLI::Option*, ValueHint> hints;
  std::vector<Entry> entries;                          ///< as they were defined
  std::map<std::string, ConfigArguments*> configured;  ///< commands that take a configuration
};

/// Adds options to a command, each with the text that it fills, its key in a configuration, and what completion needs
/// to know.
class OptionSet {
 public:
  OptionSet(CLI::App& command, OptionTable& table) : command_(command), table_(table) {}

  /// The heading under which the next options go.
  void group(const std::string& name) { group_ = name; }

  /// An option with one value, given at most once. @param names  "-o,--output", or "PROMPT" of a positional
  void text(const std::string& names, std::optional<std::string>& value, const std::string& label,
            const std::string& description, ConfigKey key,
            ValueHint hint = {.kind = ValueHint::Kind::kText, .choices = {}});
  /// An option with one value, which may be repeated.
  void list(const std::string& names, std::vector<std::string>& values, const std::string& label,
            const std::string& description, ConfigKey key,
            ValueHint hint = {.kind = ValueHint::Kind::kText, .choices = {}});
  /// Any number of positional arguments.
  void positionals(const std::string& name, std::vector<std::string>& values, const std::string& description,
                   ConfigKey key, ValueHint hint = {.kind = ValueHint::Kind::kText, .choices = {}});
  void flag(const std::string& names, bool& value, const std::string& description, ConfigKey key);

  /// --config, --set and --env: the command's other options are filled by what they say, where they are not typed.
  void configuration(ConfigArguments& arguments);

 private:
  using Store = std::function<void(const std::vector<std::string>&)>;
  CLI::Option* add(const std::string& names, const Store& store, const std::string& label,
                   const std::string& description, ConfigKey key, ValueHint hint);
  void enter(const std::string& names, const std::string& description, ConfigKey key, const CLI::Option* option,
             const Store& store);

  CLI::App& command_;
  OptionTable& table_;
  std::string group_ = "Options";
};

}  // namespace swan::cli

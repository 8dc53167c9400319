#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/command_line.h"

namespace swan::cli {

/// Adds options to a command, each with the text that it fills and what completion needs to know.
class OptionSet {
 public:
  using Hints = std::map<const CLI::Option*, ValueHint>;

  OptionSet(CLI::App& command, Hints& hints) : command_(command), hints_(hints) {}

  /// The heading under which the next options go.
  void group(const std::string& name) { group_ = name; }

  /// An option with one value, given at most once. @param names  "-o,--output", or "PROMPT" of a positional
  void text(const std::string& names, std::optional<std::string>& value, const std::string& label,
            const std::string& description, ValueHint hint = {.kind = ValueHint::Kind::kText, .choices = {}});
  /// An option with one value, which may be repeated.
  void list(const std::string& names, std::vector<std::string>& values, const std::string& label,
            const std::string& description, ValueHint hint = {.kind = ValueHint::Kind::kText, .choices = {}});
  /// Any number of positional arguments.
  void positionals(const std::string& name, std::vector<std::string>& values, const std::string& description);
  void flag(const std::string& names, bool& value, const std::string& description);

 private:
  CLI::Option* add(const std::string& names, const CLI::callback_t& store, const std::string& label,
                   const std::string& description, ValueHint hint);

  CLI::App& command_;
  Hints& hints_;
  std::string group_ = "Options";
};

}  // namespace swan::cli

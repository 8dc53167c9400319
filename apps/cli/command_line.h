#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "config/schema.h"

namespace CLI {
class App;
}

namespace swan::cli {

/// What an option's value is, for completion.
struct ValueHint {
  enum class Kind { kNone, kText, kFile, kFolder, kChoice };
  Kind kind = Kind::kNone;           ///< kNone: a flag
  std::vector<std::string> choices;  ///< of kChoice; with kFile, words that may stand for a file
};

/// One option or positional argument of a command, read back from the parser.
struct OptionInfo {
  std::vector<std::string> long_names;   ///< without dashes; empty for a positional
  std::vector<std::string> short_names;  ///< one character each
  std::string label;                     ///< "FILE"; empty for a flag
  std::string description;               ///< one line
  ValueHint value;
};

struct CommandInfo {
  std::string name;  ///< empty: the program itself
  std::string description;
  std::vector<OptionInfo> options;
  std::vector<OptionInfo> positionals;
};

/// The program's commands and options: one definition that parsing, help, suggestions and completion share.
class CommandLine {
 public:
  CommandLine();
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  /// @param arguments  those after the program's name. To be called once.
  /// @throws UsageError with a suggestion where one is near; Error for a configuration that cannot be used
  [[nodiscard]] Arguments parse(const std::vector<std::string>& arguments);

  /// @param command  a name, or empty for the program's own help
  [[nodiscard]] std::string help(const std::string& command) const;

  /// What configurations may hold.
  [[nodiscard]] config::Schema schema() const;
  /// The message of a failure, with where the values came from that it names, if a configuration gave them.
  [[nodiscard]] std::string explained(const std::string& message) const;

  /// The program itself, then its commands.
  [[nodiscard]] std::vector<CommandInfo> commands() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace swan::cli

#include "cli/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/values.h"

namespace swan::cli {

namespace {

using Kind = ValueHint::Kind;

// "--output", "-o"
std::vector<std::string> dashed(const OptionInfo& option) {
  std::vector<std::string> names;
  names.reserve(option.short_names.size() + option.long_names.size());
  for (const std::string& name : option.short_names) names.push_back("-" + name);
  for (const std::string& name : option.long_names) names.push_back("--" + name);
  return names;
}

// Inside single quotes of any of the shells.
std::string quoted(const std::string& text, const char* apostrophe) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += apostrophe;
    } else {
      out += c;
    }
  }
  return out;
}

const CommandInfo& program(const std::vector<CommandInfo>& commands) { return commands.front(); }

std::vector<CommandInfo> subcommands(const std::vector<CommandInfo>& commands) {
  return {commands.begin() + 1, commands.end()};
}

std::vector<std::string> names_of(const std::vector<CommandInfo>& commands) {
  std::vector<std::string> names;
  for (const CommandInfo& command : commands) names.push_back(command.name);
  return names;
}

// The words that may follow, as compgen's arguments.
std::string bash_words(const ValueHint& hint) {
  std::string words;
  if (hint.kind == Kind::kFile) words += " -f";
  if (hint.kind == Kind::kFolder) words += " -d";
  if (!hint.choices.empty())
    words += fmt::format(" -W '{}'", quoted(fmt::format("{}", fmt::join(hint.choices, " ")), ""));
  return words;
}

std::string bash_script(const std::vector<CommandInfo>& commands) {
  std::string out = R"(# bash completion for swan; made by: swan completion bash
_swan() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command= i
  # "--name=value" arrives as three words.
  if [[ $current == = ]]; then
    current=
  elif [[ $previous == = && $COMP_CWORD -ge 2 ]]; then
    previous=${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; ++i)); do
    if [[ ${COMP_WORDS[i]} != -* ]]; then
      command=${COMP_WORDS[i]}
      break
    fi
  done
  COMPREPLY=()
  case $command:$previous in
)";
  for (const CommandInfo& command : commands) {
    for (const OptionInfo& option : command.options) {
      if (option.value.kind == Kind::kNone) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : dashed(option)) patterns.push_back(command.name + ":" + name);
      out += fmt::format("    {})\n", fmt::join(patterns, "|"));
      const std::string words = bash_words(option.value);
      if (!words.empty()) {
        if (option.value.kind != Kind::kChoice) out += "      compopt -o filenames 2>/dev/null\n";
        out += fmt::format("      mapfile -t COMPREPLY < <(compgen{} -- \"$current\")\n", words);
      }
      out += "      return ;;\n";
    }
  }
  out += "  esac\n  if [[ $current == -* ]]; then\n    case $command in\n";
  for (const CommandInfo& command : commands) {
    std::vector<std::string> names;
    for (const OptionInfo& option : command.options) {
      for (const std::string& name : dashed(option)) names.push_back(name);
    }
    out += fmt::format("      '{}') mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$current\") ;;\n", command.name,
                       fmt::join(names, " "));
  }
  out += "    esac\n    return\n  fi\n  case $command in\n";
  out += fmt::format("    '') mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$current\") ;;\n",
                     fmt::join(names_of(subcommands(commands)), " "));
  for (const CommandInfo& command : subcommands(commands)) {
    // Which of several it is would be known only by counting: all are offered.
    std::string words;
    bool files = false;
    for (const OptionInfo& positional : command.positionals) {
      const std::string of_this = bash_words(positional.value);
      words += of_this;
      files = files || (!of_this.empty() && positional.value.kind != Kind::kChoice);
    }
    if (words.empty()) continue;
    out += fmt::format("    {})\n", command.name);
    if (files) out += "      compopt -o filenames 2>/dev/null\n";
    out += fmt::format("      mapfile -t COMPREPLY < <(compgen{} -- \"$current\") ;;\n", words);
  }
  out += "  esac\n}\ncomplete -F _swan swan\n";
  return out;
}

// In an _arguments specification, inside single quotes.
std::string zsh_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return quoted(out, "'\\''");
}

std::string zsh_action(const ValueHint& hint) {
  const std::string choices = fmt::format("{}", fmt::join(hint.choices, " "));
  switch (hint.kind) {
    case Kind::kFile:
      return hint.choices.empty() ? "_files" : fmt::format("{{compadd -- {}; _files}}", choices);
    case Kind::kFolder:
      return "_files -/";
    case Kind::kChoice:
      return fmt::format("({})", choices);
    case Kind::kText:
    case Kind::kNone:
      return " ";
  }
  return " ";
}

std::string zsh_script(const std::vector<CommandInfo>& commands) {
  std::string out = "#compdef swan\n# zsh completion for swan; made by: swan completion zsh\n\n";
  out += "_swan_commands() {\n  local -a commands=(\n";
  for (const CommandInfo& command : subcommands(commands)) {
    out += fmt::format("    '{}:{}'\n", command.name, quoted(command.description, "'\\''"));
  }
  out += "  )\n  _describe command commands\n}\n\n_swan() {\n  local curcontext=$curcontext state line\n";
  const auto specifications = [](const CommandInfo& command) {
    std::string specs;
    for (const OptionInfo& option : command.options) {
      const bool flag = option.value.kind == Kind::kNone;
      const std::string value = flag ? "" : fmt::format(":{}:{}", zsh_escaped(option.label), zsh_action(option.value));
      // Several names of one option exclude each other; a repeatable one is not known as such here.
      const std::vector<std::string> names = dashed(option);
      const std::string exclusion = names.size() > 1 ? fmt::format("({})", fmt::join(names, " ")) : "";
      for (const std::string& name : names) {
        const std::string separator = flag ? "" : name.starts_with("--") ? "=" : "+";
        specs += fmt::format(" \\\n        '{}{}{}[{}]{}'", exclusion, name, separator, zsh_escaped(option.description),
                             value);
      }
    }
    for (const OptionInfo& positional : command.positionals) {
      specs += fmt::format(" \\\n        ':{}:{}'", zsh_escaped(positional.label), zsh_action(positional.value));
    }
    return specs;
  };
  out += "  _arguments -C" + specifications(program(commands)) +
         " \\\n        '1: :_swan_commands' \\\n        '*:: :->rest'\n";
  out += "  [[ $state == rest ]] || return\n  case $line[1] in\n";
  for (const CommandInfo& command : subcommands(commands)) {
    out += fmt::format("    {})\n      _arguments{}\n      ;;\n", command.name, specifications(command));
  }
  out += "  esac\n}\n\n# Autoloaded from fpath, or sourced.\n";
  out += "if [[ $funcstack[1] == _swan ]]; then\n  _swan \"$@\"\nelse\n  compdef _swan swan\nfi\n";
  return out;
}

std::string fish_script(const std::vector<CommandInfo>& commands) {
  std::string out = "# fish completion for swan; made by: swan completion fish\ncomplete -c swan -f\n";
  const auto escaped = [](const std::string& text) { return quoted(text, "\\'"); };
  const auto words = [](const ValueHint& hint) {
    std::vector<std::string> all = hint.choices;
    if (hint.kind == Kind::kFolder) all.emplace_back("(__fish_complete_directories)");
    return fmt::format("{}", fmt::join(all, " "));
  };
  for (const CommandInfo& command : commands) {
    const std::string condition =
        command.name.empty() ? "__fish_use_subcommand" : "__fish_seen_subcommand_from " + command.name;
    if (!command.name.empty()) {
      out += fmt::format("complete -c swan -n __fish_use_subcommand -a {} -d '{}'\n", command.name,
                         escaped(command.description));
    }
    for (const OptionInfo& option : command.options) {
      out += fmt::format("complete -c swan -n '{}'", condition);
      for (const std::string& name : option.short_names) out += " -s " + name;
      for (const std::string& name : option.long_names) out += " -l " + name;
      if (option.value.kind == Kind::kFile) {
        out += " -r -F";
      } else if (option.value.kind != Kind::kNone) {
        out += " -x";
      }
      if (const std::string list = words(option.value); !list.empty()) out += fmt::format(" -a '{}'", escaped(list));
      out += fmt::format(" -d '{}'\n", escaped(option.description));
    }
    for (const OptionInfo& positional : command.positionals) {
      if (const std::string list = words(positional.value); !list.empty()) {
        out += fmt::format("complete -c swan -n '{}' -a '{}'\n", condition, escaped(list));
      }
    }
  }
  return out;
}

}  // namespace

std::string completion_script(const std::optional<std::string>& shell, const std::vector<CommandInfo>& commands) {
  if (shell == "bash") return bash_script(commands);
  if (shell == "zsh") return zsh_script(commands);
  if (shell == "fish") return fish_script(commands);
  if (!shell) throw UsageError("the shell is missing: bash, zsh or fish", "completion");
  throw UsageError(fmt::format("there is no completion for '{}'; there is for bash, zsh and fish", *shell),
                   "completion");
}

}  // namespace swan::cli

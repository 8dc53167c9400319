#include "cli/command_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "cli/commands.h"
#include "cli/configuration.h"
#include "cli/examples.h"
#include "cli/help_format.h"
#include "cli/option_set.h"
#include "cli/values.h"
#include "config/suggest.h"
#include "config/utf8.h"

namespace swan::cli {

struct CommandLine::State {
  CLI::App app{"Swan makes pictures and videos from text, on your own machine.", "swan"};
  Arguments arguments;
  bool version = false;
  OptionTable table;
  std::vector<FilledOption> filled;
};

namespace {

// CLI11 takes "--name=" for "--name" without a value, and then the next argument as its value.
std::vector<std::string> with_empty_values_apart(const std::vector<std::string>& arguments) {
  std::vector<std::string> out;
  bool options = true;
  for (const std::string& argument : arguments) {
    if (argument == "--") options = false;
    if (options && argument.starts_with("--") && argument.find('=') == argument.size() - 1) {
      out.push_back(argument.substr(0, argument.size() - 1));
      out.emplace_back();
    } else {
      out.push_back(argument);
    }
  }
  return out;
}

// "--config base.yaml studio.yaml" for "--config base.yaml --config studio.yaml". Of what follows the first only what
// is named as such a file is one: an option that took every word would take the prompt too.
std::vector<std::string> with_config_files_apart(const std::vector<std::string>& arguments) {
  constexpr std::string_view kOption = "--config";
  std::vector<std::string> out;
  bool options = true;
  bool listed = false;  // the arguments before are the option and its values
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--") options = false;
    const bool first = i > 0 && arguments[i - 1] == kOption;
    const bool file = !argument.starts_with('-') && (argument.ends_with(".yaml") || argument.ends_with(".yml"));
    if (options && listed && file && !first) out.emplace_back(kOption);
    listed = argument == kOption || argument.starts_with("--config=") || (listed && (first || file));
    out.push_back(argument);
  }
  return out;
}

std::vector<std::string> command_names(const CLI::App& program) {
  std::vector<std::string> names;
  for (const CLI::App* command : program.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

// "image, info and completion"
std::string listed(std::vector<std::string> names, const char* last_separator) {
  const std::string last = names.back();
  names.pop_back();
  return fmt::format("{} {} {}", fmt::join(names, ", "), last_separator, last);
}

std::vector<std::string> long_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back(name);
  }
  return names;
}

// What to say about arguments that nothing took. The first option among them is the likeliest mistake: a word after it
// is often its value.
std::string describe_unknown(const CLI::App& command, const CLI::App& program,
                             const std::vector<std::string>& unknown) {
  for (const std::string& argument : unknown) {
    if (argument.size() < 2 || argument.front() != '-') continue;
    const std::string shown = argument.substr(0, argument.find('='));
    const std::string name = shown.substr(std::min(shown.find_first_not_of('-'), shown.size()));
    std::string meant = config::nearest(name, long_names(command));
    for (const std::string& familiar : familiar_options(name)) {
      if (command.get_option_no_throw("--" + familiar) != nullptr) meant = familiar;
    }
    if (!meant.empty()) return fmt::format("unknown option '{}'; did you mean --{}?", shown, meant);
    for (const CLI::App* other : program.get_subcommands({})) {
      if (other->get_option_no_throw(shown) == nullptr) continue;
      if (&command != &program) return fmt::format("unknown option '{}'; 'swan {}' has it", shown, other->get_name());
      return fmt::format("'{}' is an option of 'swan {}'; put it after the command", shown, other->get_name());
    }
    return fmt::format("unknown option '{}'", shown);
  }
  if (&command != &program) {
    return fmt::format("unexpected argument '{}'{}", unknown.front(),
                       command.get_option_no_throw("PROMPT") ? "; put the whole prompt in one pair of quotes" : "");
  }
  if (unknown.front().find(' ') != std::string::npos) {
    return fmt::format("unknown command '{}'; to draw it: swan image \"...\"", unknown.front());
  }
  const std::vector<std::string> names = command_names(program);
  const std::string meant = config::nearest(unknown.front(), names);
  return fmt::format(
      "unknown command '{}'; {}", unknown.front(),
      meant.empty() ? "there are " + listed(names, "and") : fmt::format("did you mean 'swan {}'?", meant));
}

Arguments::Command command_of(const std::string& name) {
  if (name == "image") return Arguments::Command::kImage;
  if (name == "video") return Arguments::Command::kVideo;
  if (name == "embed") return Arguments::Command::kEmbed;
  if (name == "config") return Arguments::Command::kConfig;
  if (name == "convert") return Arguments::Command::kConvert;
  if (name == "pull") return Arguments::Command::kPull;
  if (name == "push") return Arguments::Command::kPush;
  if (name == "card") return Arguments::Command::kCard;
  if (name == "serve") return Arguments::Command::kServe;
  return name == "info" ? Arguments::Command::kInfo : Arguments::Command::kCompletion;
}

std::string without_line_ends(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

CommandLine::CommandLine() : state_(std::make_unique<State>()) {
  CLI::App& app = state_->app;
  const auto formatter = std::make_shared<HelpFormatter>();
  formatter->label("Positionals", "Arguments");
  app.formatter(formatter);
  app.set_help_flag();  // set again below, to come last
  app.add_flag("--version", state_->version, "Print the version and exit");
  app.footer(kProgramExamples);
  // At most one command, so that its words ("info") can be prompts of another; that one is there, and that nothing is
  // left over, is checked in parse, with messages of our own.
  app.require_subcommand(0, 1);
  app.allow_extras();
  define_commands(app, state_->arguments, state_->table);
  for (CLI::App* command : app.get_subcommands({})) {
    command->group("Commands")->allow_extras();
    command->set_help_flag("-h,--help", "Print this help and exit");
    const bool grouped = command->get_option_no_throw("--output") != nullptr;
    command->get_help_ptr()->group(grouped ? kReportGroup : "Options");
  }
  app.set_help_flag("-h,--help", "Print this help and exit");
}

CommandLine::~CommandLine() = default;

Arguments CommandLine::parse(const std::vector<std::string>& arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const size_t at = config::find_invalid_utf8(arguments[i]);
    if (at == std::string::npos) continue;
    throw UsageError(
        fmt::format("argument {} is not UTF-8 at byte {}; use a UTF-8 terminal or locale, or convert the "
                    "text with iconv",
                    i + 1, at));
  }

  CLI::App& app = state_->app;
  const auto parsed_command = [&app]() -> const CLI::App* {
    const std::vector<CLI::App*> parsed = app.get_subcommands();
    return parsed.empty() ? &app : parsed.front();
  };
  const auto command_name = [&]() { return parsed_command() == &app ? std::string() : parsed_command()->get_name(); };
  Arguments& result = state_->arguments;
  try {
    std::vector<std::string> reversed = with_empty_values_apart(with_config_files_apart(arguments));
    std::reverse(reversed.begin(), reversed.end());
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    result.command = Arguments::Command::kHelp;
    result.help = help(command_name());
    return result;
  } catch (const CLI::ArgumentMismatch& e) {
    const std::string what = e.what();
    throw UsageError(fmt::format("{} needs a value", what.substr(0, what.find(':'))), command_name());
  } catch (const CLI::ParseError& e) {
    throw UsageError(e.what(), command_name());
  }

  if (state_->version) {
    result.command = Arguments::Command::kVersion;
    return result;
  }
  for (const CLI::App* command : {static_cast<const CLI::App*>(&app), parsed_command()}) {
    std::vector<std::string> unknown = command->remaining();
    std::erase(unknown, "--");  // CLI11 leaves the mark itself
    if (!unknown.empty()) {
      throw UsageError(describe_unknown(*command, app, unknown), command == &app ? "" : command->get_name());
    }
  }
  const std::string name = command_name();
  if (name.empty()) throw UsageError("a command is missing: " + listed(command_names(app), "or"));
  result.command = command_of(name);
  if (result.command != Arguments::Command::kConfig) state_->filled = fill_options(name, state_->table);
  return result;
}

config::Schema CommandLine::schema() const { return schema_of(state_->table); }

std::string CommandLine::explained(const std::string& message) const { return with_origins(message, state_->filled); }

std::string CommandLine::help(const std::string& command) const {
  if (command.empty()) return state_->app.help();
  return state_->app.get_subcommand(command)->help("swan");
}

std::vector<CommandInfo> CommandLine::commands() const {
  std::vector<CommandInfo> commands;
  std::vector<const CLI::App*> apps = {&state_->app};
  for (const CLI::App* app : state_->app.get_subcommands({})) apps.push_back(app);
  for (const CLI::App* app : apps) {
    CommandInfo info;
    info.name = app == &state_->app ? "" : app->get_name();
    info.description = app->get_description();
    for (const CLI::Option* option : app->get_options()) {
      OptionInfo o;
      o.long_names = option->get_lnames();
      o.short_names = option->get_snames();
      o.description = without_line_ends(option->get_description());
      const auto hint = state_->table.hints.find(option);
      if (hint != state_->table.hints.end()) o.value = hint->second;
      if (o.value.kind != ValueHint::Kind::kNone) o.label = option->get_type_name();
      if (option->get_positional()) o.label = option->get_name(true, false);
      (option->get_positional() ? info.positionals : info.options).push_back(std::move(o));
    }
    commands.push_back(std::move(info));
  }
  return commands;
}

}  // namespace swan::cli

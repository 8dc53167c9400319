#include "cli/configuration.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>

#include "cli/config_sections.h"
#include "swan/error.h"

namespace swan::cli {

namespace {

namespace fs = std::filesystem;

std::string words_of(const OptionTable::Entry& entry) {
  return fmt::format("swan {}: {}", entry.command, entry.description);
}

// The field of an option's key.
config::Field field_of(const OptionTable::Entry& entry, const ValueHint& hint) {
  const ConfigKey& key = entry.key;
  config::Field field{.path = key.path, .type = key.type};
  field.description = entry.description;
  field.minimum = key.minimum;
  field.maximum = key.maximum;
  field.standard = key.standard;
  field.yields_to = key.yields_to;
  const bool all = !key.open && (hint.kind == ValueHint::Kind::kChoice || key.type != config::Type::kText);
  std::vector<std::string>& named = all ? field.choices : field.examples;
  named = hint.choices;
  return field;
}

// Several commands may have an option of one key.
void add_field(std::vector<config::Field>& fields, std::vector<const OptionTable::Entry*>& first,
               const OptionTable::Entry& entry, const ValueHint& hint) {
  const auto there =
      std::find_if(fields.begin(), fields.end(), [&](const config::Field& f) { return f.path == entry.key.path; });
  config::Field field = field_of(entry, hint);
  if (there == fields.end()) {
    fields.push_back(std::move(field));
    first.push_back(&entry);
    return;
  }
  if (there->type != field.type || there->minimum != field.minimum || there->maximum != field.maximum) {
    throw Error(ErrorCode::kInternal,
                fmt::format("the options of {} take different values; please report it.", entry.key.path));
  }
  const OptionTable::Entry& other = *first[static_cast<size_t>(there - fields.begin())];
  if (other.command != entry.command && there->description.find(entry.description) == std::string::npos) {
    if (there->description == other.description) there->description = words_of(other);
    there->description += "\n" + words_of(entry);
  }
  if (there->standard != field.standard) there->standard.clear();
  for (const std::string& choice : field.choices) {
    if (std::find(there->choices.begin(), there->choices.end(), choice) == there->choices.end()) {
      there->choices.push_back(choice);
    }
  }
}

config::Variables environment_variables() {
  config::Variables variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    if (equals != std::string::npos) variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

// Whether there is anything to read at all: most runs have no configuration.
bool is_given(const config::Inputs& inputs) {
  if (!inputs.files.empty() || !inputs.settings.empty() || inputs.environment) return true;
  const auto first = inputs.variables.lower_bound("SWAN__");
  return first != inputs.variables.end() && first->first.starts_with("SWAN__");
}

bool typed(const OptionTable::Entry& entry) { return entry.option->count() > 0; }

std::vector<config::TypedOption> typed_options(const std::string& command, const OptionTable& table) {
  std::vector<config::TypedOption> options;
  for (const OptionTable::Entry& entry : table.entries) {
    if (entry.command != command || entry.key.path.empty() || !typed(entry)) continue;
    std::vector<std::string> texts = entry.option->results();
    if (entry.key.type == config::Type::kFlag) texts = {entry.key.negated ? "false" : "true"};
    options.push_back({.path = entry.key.path, .name = entry.name, .texts = std::move(texts)});
  }
  return options;
}

// Whether another option of the command has the key of a positional one.
bool has_long_name(const OptionTable& table, const OptionTable::Entry& positional) {
  return std::any_of(table.entries.begin(), table.entries.end(), [&](const OptionTable::Entry& e) {
    return e.command == positional.command && e.key.path == positional.key.path && !e.option->get_positional();
  });
}

// What the settings in a picture say of it. They stand for the whole of how it was made: what files and variables add
// would make another one. Where it is computed is this machine's business.
bool said_by_picture(const std::string& path) {
  if (path == "input.from" || path == "model.device") return false;
  for (const char* section : {"prompt.", "input.", "model.", "sampling."}) {
    if (path.starts_with(section)) return true;
  }
  return path == "output.fps" || path == "output.crf" || path == "hub.revision";
}

// Whether a file or a variable says it, and not --set or an option.
bool is_weak(const config::Value& value) {
  return value.origin.source == config::Origin::Source::kFile ||
         value.origin.source == config::Origin::Source::kVariable;
}

// "~/x" where a file or a folder is named: of what is typed a shell has made a path.
void expand_home(const ValueHint& hint, std::vector<std::string>& texts) {
  const char* home = std::getenv("HOME");
  if (home == nullptr || (hint.kind != ValueHint::Kind::kFile && hint.kind != ValueHint::Kind::kFolder)) return;
  for (std::string& text : texts) {
    if (text.starts_with("~/")) text.replace(0, 1, home);
  }
}

// Values of files and variables that count for nothing here.
bool left_out(const ConfigKey& key, const config::Value& value, const config::Configuration& c) {
  if (c.find("input.from") != nullptr && is_weak(value) && said_by_picture(key.path)) return true;
  return !key.needs.empty() && std::none_of(key.needs.begin(), key.needs.end(),
                                            [&c](const std::string& path) { return c.find(path) != nullptr; });
}

}  // namespace

config::Schema schema_of(const OptionTable& table) {
  std::vector<config::Field> fields;
  std::vector<const OptionTable::Entry*> first;
  for (const OptionTable::Entry& entry : table.entries) {
    if (entry.option->get_positional() && has_long_name(table, entry)) continue;
    if (!entry.key.path.empty()) add_field(fields, first, entry, table.hints.at(entry.option));
  }
  for (config::Field& field : fields_without_options()) fields.push_back(std::move(field));
  return {config_sections(), std::move(fields)};
}

config::Inputs inputs_of(const ConfigArguments& arguments) {
  config::Inputs inputs;
  inputs.files = arguments.config;
  inputs.settings = arguments.set;
  inputs.environment = arguments.env;
  inputs.variables = environment_variables();
  inputs.presets = presets_folder();
  return inputs;
}

std::vector<FilledOption> fill_options(const std::string& command, const OptionTable& table) {
  const auto configured = table.configured.find(command);
  if (configured == table.configured.end()) return {};
  config::Inputs inputs = inputs_of(*configured->second);
  if (!is_given(inputs)) return {};
  inputs.options = typed_options(command, table);
  const config::Configuration c = config::resolve(inputs, schema_of(table));

  std::vector<FilledOption> filled;
  for (const OptionTable::Entry& entry : table.entries) {
    if (entry.command != command || entry.key.path.empty()) continue;
    // A prompt has two ways to be given, of which one is filled.
    if (entry.option->get_positional() && has_long_name(table, entry)) continue;
    const config::Value* value = c.find(entry.key.path);
    if (value == nullptr || value->origin.source == config::Origin::Source::kDefault ||
        value->origin.source == config::Origin::Source::kOption || left_out(entry.key, *value, c)) {
      continue;
    }
    std::vector<std::string> texts = config::option_texts(*value, entry.key.type);
    if (texts.empty()) continue;
    expand_home(table.hints.at(entry.option), texts);
    entry.store(texts);
    filled.push_back(
        {.name = entry.name, .path = entry.key.path, .text = texts.front(), .origin = value->origin.str()});
  }
  return filled;
}

std::string with_origins(const std::string& message, const std::vector<FilledOption>& filled) {
  // By the option's name as a whole word, or its value in quotes.
  const auto names = [&message](const std::string& name) {
    for (size_t at = message.find(name); at != std::string::npos; at = message.find(name, at + 1)) {
      const size_t end = at + name.size();
      if (end == message.size() ||
          (message[end] != '-' && std::isalnum(static_cast<unsigned char>(message[end])) == 0)) {
        return true;
      }
    }
    return false;
  };
  std::string out = message;
  for (const FilledOption& option : filled) {
    const bool quoted = option.text.size() > 1 && message.find("'" + option.text + "'") != std::string::npos;
    if (!quoted && !names(option.name)) continue;
    out += fmt::format("\n  {} comes from {} ({})", option.name, option.origin, option.path);
  }
  return out;
}

std::string presets_folder() {
  if (const char* folder = std::getenv("SWAN_CONFIGS"); folder != nullptr && *folder != '\0') return folder;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error).parent_path();
  if (error) return "";
  // Installed as bin/swan; build/<preset>/swan; build/<preset>/tests/cli/...
  for (const char* way : {"../share/swan/configs", "../../configs", "../../../configs", "../../../../configs"}) {
    const fs::path folder = (program / way).lexically_normal();
    if (fs::exists(folder / "sana-base.yaml", error)) return folder.string();
  }
  return "";
}

}  // namespace swan::cli

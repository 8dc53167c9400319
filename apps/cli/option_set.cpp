#include "cli/option_set.h"

#include <fmt/format.h>

#include "cli/help_format.h"
#include "cli/values.h"

namespace swan::cli {

namespace {

// "--output" of "-o,--output": the first long name.
std::string shown_name(const std::string& names) {
  const size_t at = names.find("--");
  const std::string name = names.substr(at == std::string::npos ? 0 : at);
  return name.substr(0, name.find(','));
}

}  // namespace

void OptionSet::text(const std::string& names, std::optional<std::string>& value, const std::string& label,
                     const std::string& description, ConfigKey key, ValueHint hint) {
  const auto store = [&value, name = shown_name(names), command = &command_](const std::vector<std::string>& results) {
    if (results.size() > 1) {
      throw UsageError(fmt::format("{} is given {} times; give it once", name, results.size()), command->get_name());
    }
    value = results.front();
  };
  add(names, store, label, description, std::move(key), std::move(hint));
}

void OptionSet::list(const std::string& names, std::vector<std::string>& values, const std::string& label,
                     const std::string& description, ConfigKey key, ValueHint hint) {
  const auto store = [&values](const std::vector<std::string>& results) { values = results; };
  add(names, store, label, description, std::move(key), std::move(hint));
}

void OptionSet::positionals(const std::string& name, std::vector<std::string>& values, const std::string& description,
                            ConfigKey key, ValueHint hint) {
  const auto store = [&values](const std::vector<std::string>& results) { values = results; };
  // As many as there are: CLI11 fills a positional up to the number expected, and asks for no more with TakeAll.
  add(name, store, "", description, std::move(key), std::move(hint))->expected(1 << 20);
}

void OptionSet::flag(const std::string& names, bool& value, const std::string& description, ConfigKey key) {
  CLI::Option* option = command_.add_flag(names, value, wrapped(description));
  option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)->group(group_);
  table_.hints[option] = {};
  const bool given = !key.negated;
  enter(names, description, std::move(key), option,
        [&value, given](const std::vector<std::string>& results) { value = (results.front() == "true") == given; });
}

void OptionSet::configuration(ConfigArguments& arguments) {
  group("Configuration");
  const ConfigKey none = no_key("it says where a configuration comes from");
  list("--config", arguments.config, "FILE|NAME",
       "Take options that are not given from this YAML file, or this preset; may be repeated, later ones are stronger",
       none, {.kind = ValueHint::Kind::kFile, .choices = {}});
  list("--set", arguments.set, "PATH=VALUE", "Set one value over those of files, such as sampling.guidance_scale=3.5",
       none);
  text("--env", arguments.env, "NAME", "Take this section of the files' environments too (default: $SWAN_ENV)", none);
  table_.configured[command_.get_name()] = &arguments;
}

CLI::Option* OptionSet::add(const std::string& names, const Store& store, const std::string& label,
                            const std::string& description, ConfigKey key, ValueHint hint) {
  // One value each, whatever it looks like. CLI11's own conversion to vectors would split a prompt "[a, b]".
  const CLI::callback_t callback = [store](const CLI::results_t& results) {
    store(results);
    return true;
  };
  CLI::Option* option = command_.add_option(names, callback, wrapped(description));
  option->expected(1)->allow_extra_args(false)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  option->type_name(label)->group(group_);
  if (option->get_positional()) option->option_text(" ");
  table_.hints[option] = std::move(hint);
  enter(names, description, std::move(key), option, store);
  return option;
}

void OptionSet::enter(const std::string& names, const std::string& description, ConfigKey key,
                      const CLI::Option* option, const Store& store) {
  table_.entries.push_back({.command = command_.get_name(),
                            .name = shown_name(names),
                            .description = description,
                            .key = std::move(key),
                            .option = option,
                            .store = store});
}

}  // namespace swan::cli

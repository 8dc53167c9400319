#include "cli/option_set.h"

#include <fmt/format.h>

#include "cli/help_format.h"
#include "cli/values.h"

namespace swan::cli {

namespace {

CLI::callback_t store_all(std::vector<std::string>& values) {
  return [&values](const CLI::results_t& results) {
    values = results;
    return true;
  };
}

}  // namespace

void OptionSet::text(const std::string& names, std::optional<std::string>& value, const std::string& label,
                     const std::string& description, ValueHint hint) {
  const auto store = [&value, names, command = &command_](const CLI::results_t& results) {
    if (results.size() > 1) {
      const std::string name = names.substr(names.find("--") == std::string::npos ? 0 : names.find("--"));
      throw UsageError(
          fmt::format("{} is given {} times; give it once", name.substr(0, name.find(',')), results.size()),
          command->get_name());
    }
    value = results.front();
    return true;
  };
  add(names, store, label, description, std::move(hint));
}

void OptionSet::list(const std::string& names, std::vector<std::string>& values, const std::string& label,
                     const std::string& description, ValueHint hint) {
  add(names, store_all(values), label, description, std::move(hint));
}

void OptionSet::positionals(const std::string& name, std::vector<std::string>& values, const std::string& description) {
  // As many as there are: CLI11 fills a positional up to the number expected, and asks for no more with TakeAll.
  add(name, store_all(values), "", description, {.kind = ValueHint::Kind::kText, .choices = {}})->expected(1 << 20);
}

void OptionSet::flag(const std::string& names, bool& value, const std::string& description) {
  CLI::Option* option = command_.add_flag(names, value, wrapped(description));
  option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)->group(group_);
  hints_[option] = {};
}

CLI::Option* OptionSet::add(const std::string& names, const CLI::callback_t& store, const std::string& label,
                            const std::string& description, ValueHint hint) {
  // One value each, whatever it looks like. CLI11's own conversion to vectors would split a prompt "[a, b]".
  CLI::Option* option = command_.add_option(names, store, wrapped(description));
  option->expected(1)->allow_extra_args(false)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  option->type_name(label)->group(group_);
  if (option->get_positional()) option->option_text(" ");
  hints_[option] = std::move(hint);
  return option;
}

}  // namespace swan::cli

#include "cli/help_format.h"

#include <fmt/format.h>

#include <algorithm>

namespace swan::cli {

namespace {
constexpr size_t kHelpColumn = 36;
constexpr size_t kHelpWidth = 110;
}  // namespace

std::string wrapped(const std::string& text) {
  std::string out;
  size_t line = 0;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    const size_t length = end - begin;
    if (line > 0 && line + 1 + length > kHelpWidth - kHelpColumn) {
      out += '\n';
      line = 0;
    } else if (line > 0) {
      out += ' ';
      ++line;
    }
    out.append(text, begin, length);
    line += length;
    begin = end + 1;
  }
  return out;
}

HelpFormatter::HelpFormatter() { column_width(kHelpColumn); }

std::string HelpFormatter::make_usage(const CLI::App* app, std::string name) const {
  if (app->get_parent() == nullptr) return "\nUsage: swan COMMAND [options]\n";
  std::string arguments;
  for (const CLI::Option* option : app->get_options()) {
    if (!option->get_positional()) continue;
    arguments += fmt::format(" [{}]{}", option->get_name(true, false), option->get_expected_min() > 1 ? "..." : "");
  }
  return fmt::format("\nUsage: {}{} [options]\n", name, arguments);
}

std::string HelpFormatter::make_option_name(const CLI::Option* option, bool is_positional) const {
  return CLI::detail::find_and_replace(CLI::Formatter::make_option_name(option, is_positional), ",", ", ");
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const {
  return CLI::detail::find_and_replace(CLI::Formatter::make_help(app, std::move(name), mode), "\n\n\n", "\n\n");
}

}  // namespace swan::cli

#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <string>

namespace swan::cli {

/// Breaks a description into lines, so that the help fits its width.
[[nodiscard]] std::string wrapped(const std::string& text);

/// CLI11's layout with our habits: "swan image [PROMPT] [options]", "-o, --output", one empty line between groups.
class HelpFormatter final : public CLI::Formatter {
 public:
  HelpFormatter();
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override;
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
};

}  // namespace swan::cli

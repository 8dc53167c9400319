#include "cli/config_template.h"

#include <fmt/format.h>

#include <algorithm>

namespace swan::cli {

namespace {

// Text as lines of a comment.
std::string commented(const std::string& text, const std::string& indent) {
  constexpr size_t kWidth = 100;
  std::string out;
  std::string line;
  const auto end_line = [&] {
    if (!line.empty()) out += indent + "#" + line + "\n";
    line.clear();
  };
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find_first_of(" \n", begin), text.size());
    if (line.size() + 1 + end - begin > kWidth) end_line();
    line += " " + text.substr(begin, end - begin);
    if (end < text.size() && text[end] == '\n') end_line();
    begin = end + 1;
  }
  end_line();
  return out;
}

std::string form_of(const config::Field& field) {
  if (!field.standard.empty()) return field.standard;
  if (!field.choices.empty() && field.type == config::Type::kText) return field.choices.front();
  switch (field.type) {
    case config::Type::kFlag:
      return "false";
    case config::Type::kInteger:
    case config::Type::kNumber:
      return field.minimum ? fmt::format("{}", std::max(*field.minimum, 1.0)) : "1";
    case config::Type::kIntegers:
      return "7";
    case config::Type::kNumbers:
      return "[1, 0.5]";
    case config::Type::kSize:
      return "8GiB";
    case config::Type::kTexts:
      return "[\"...\"]";
    case config::Type::kMap:
      return "{}";
    case config::Type::kText:
      return "\"...\"";
  }
  return "";
}

constexpr const char* kHead = R"(# yaml-language-server: $schema=swan.schema.json
# A configuration of Swan. Every key that there is stands here after a "#", which you take off those that you want.
# Use it:   swan image "a red fox" --config FILE        Look at it:   swan config show --config FILE --origin
# The schema, for your editor:   swan config schema > swan.schema.json
#
# Stronger than this file are, in this order, files named after it, environment variables (SWAN__SAMPLING__SEED=7),
# --set sampling.seed=7, and options on the command line.

# Files that this one is laid on, relative to it, or presets that come with Swan:
#extends: preset:sana-1.6b-1024

# Values of your own, for use elsewhere as ${variables.folder}; ${env:HOME} and ${env:HOME:-/tmp} are variables of the
# environment, and $${ stands for the characters themselves:
#variables:
#  folder: ${env:HOME}/models
)";

constexpr const char* kTail = R"(
# Sections that --env prod (or SWAN_ENV=prod) lays over the rest:
#environments:
#  prod:
#    output:
#      quiet: true
)";

}  // namespace

std::string config_template(const config::Schema& schema) {
  std::string out = kHead;
  for (const config::Section& section : schema.sections()) {
    if (schema.find(section.name) != nullptr) continue;  // an open one, explained above
    std::string keys;
    for (const config::Field& field : schema.fields()) {
      if (!field.path.starts_with(section.name + ".")) continue;
      const std::string key = field.path.substr(section.name.size() + 1);
      if (key.find('.') != std::string::npos) continue;  // of a map within the section, which the schema explains
      keys += "\n" + commented(field.description, "  ");
      keys += fmt::format("  #{}: {}\n", key, form_of(field));
    }
    if (!keys.empty()) out += fmt::format("\n{}{}:\n{}", commented(section.description, ""), section.name, keys);
  }
  return out + kTail;
}

}  // namespace swan::cli

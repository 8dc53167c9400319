#include "config/overrides.h"

#include <fmt/format.h>

#include "config/utf8.h"
#include "config/yaml.h"

namespace swan::config {

namespace {

constexpr std::string_view kPrefix = "SWAN__";

bool takes_lists(Type type) {
  return type == Type::kTexts || type == Type::kIntegers || type == Type::kNumbers || type == Type::kMap;
}

// A value that was given as text: a list or a map in brackets where its key may have one, and otherwise what it would
// be without quotes. A prompt is never read as YAML.
Value value_of(const std::string& text, const Field* field, const Origin& origin, Problems& problems) {
  const bool brackets = text.starts_with('[') || text.starts_with('{');
  if (brackets && (field == nullptr || takes_lists(field->type))) {
    Problems found;
    Value value = read_yaml(text, origin, found);
    for (Problem& problem : found) {
      problem.where = origin;
      problems.push_back(std::move(problem));
    }
    return value;
  }
  if (field != nullptr && (field->type == Type::kText || field->type == Type::kTexts || field->type == Type::kSize)) {
    if (text == "null" || text == "~") return plain_value(text, origin);
    return text_value(text, origin);
  }
  Value value = plain_value(text, origin);
  if (text.empty()) value.kind = Value::Kind::kText;  // given, and empty: `null` is how to say nothing
  return value;
}

// Lays a value where its path says, making the maps on the way.
void put(Value& root, const std::string& path, const Value& value, const Origin& origin) {
  Value* at = &root;
  for (const std::string& key : split_path(path)) {
    at->origin = origin;
    at = &at->at(key);
  }
  merge(*at, value);
}

// Says that a path is none. @param spelled  how a path is written there
template <typename Spelled>
bool known(const std::string& path, const Schema& schema, const Origin& origin, const Spelled& spelled,
           Problems& problems) {
  if (!path.empty() && (schema.find(path) != nullptr || schema.is_section(path))) return true;
  const std::string meant = schema.nearest_path(path);
  problems.push_back({origin,
                      {},
                      meant.empty() ? fmt::format("there is no key '{}'; 'swan config schema' lists them", path)
                                    : fmt::format("there is no key {}; did you mean {}?", path, spelled(meant))});
  return false;
}

std::string variable_of(const std::string& path) {
  std::string name(kPrefix.substr(0, 4));
  for (const std::string& key : split_path(path)) {
    name += "__";
    for (const char c : key) name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

std::string path_of(std::string_view variable) {
  std::string path;
  std::string_view rest = variable.substr(kPrefix.size());
  while (true) {
    const size_t end = rest.find("__");
    for (const char c : rest.substr(0, end)) path += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (end == std::string_view::npos) return path;
    path += '.';
    rest.remove_prefix(end + 2);
  }
}

Value map_of(const Origin& origin) { return {.kind = Value::Kind::kMap, .origin = origin}; }

}  // namespace

Value read_variables(const Variables& variables, const Schema& schema, int layer, Problems& problems) {
  Value root = map_of({.source = Origin::Source::kVariable, .name = std::make_shared<std::string>(), .layer = layer});
  for (const auto& [name, text] : variables) {
    if (!name.starts_with(kPrefix)) continue;
    const Origin origin{
        .source = Origin::Source::kVariable, .name = std::make_shared<const std::string>(name), .layer = layer};
    const std::string path = path_of(name);
    if (find_invalid_utf8(text) != std::string::npos) {
      problems.push_back({origin, {}, "it is not UTF-8"});
    } else if (known(path, schema, origin, variable_of, problems)) {
      put(root, path, value_of(text, schema.find(path), origin, problems), origin);
    }
  }
  return root;
}

Value read_settings(const std::vector<std::string>& settings, const Schema& schema, int layer, Problems& problems) {
  const Origin origin{
      .source = Origin::Source::kSetting, .name = std::make_shared<const std::string>("--set"), .layer = layer};
  Value root = map_of(origin);
  for (const std::string& setting : settings) {
    const size_t equals = setting.find('=');
    if (equals == std::string::npos || equals == 0) {
      problems.push_back(
          {origin, {}, fmt::format("'{}' must be PATH=VALUE, such as sampling.guidance_scale=3.5", setting)});
      continue;
    }
    const std::string path = setting.substr(0, equals);
    if (known(
            path, schema, origin, [](const std::string& meant) { return meant; }, problems)) {
      put(root, path, value_of(setting.substr(equals + 1), schema.find(path), origin, problems), origin);
    }
  }
  return root;
}

Value read_options(const std::vector<TypedOption>& options, const Schema& schema, int layer) {
  Value root = map_of({.source = Origin::Source::kOption, .name = std::make_shared<std::string>(), .layer = layer});
  for (const TypedOption& option : options) {
    const Origin origin{
        .source = Origin::Source::kOption, .name = std::make_shared<const std::string>(option.name), .layer = layer};
    const Field* field = schema.find(option.path);
    Value value = {.kind = Value::Kind::kList, .origin = origin};
    for (const std::string& text : option.texts) {
      value.items.push_back(field != nullptr && field->type == Type::kText ? text_value(text, origin)
                                                                           : plain_value(text, origin));
      value.items.back().literal = true;
    }
    if (value.items.size() == 1) value = Value(value.items.front());
    put(root, option.path, value, origin);
  }
  return root;
}

}  // namespace swan::config

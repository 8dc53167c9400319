#include "config/schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "config/suggest.h"
#include "swan/error.h"

namespace swan::config {

namespace {

using Json = nlohmann::ordered_json;

// A value that is made when the configuration is used.
Json reference() { return {{"type", "string"}, {"pattern", "\\$\\{"}}; }

// 1000, not 1000.0
Json limit(double value) {
  return value == std::floor(value) && std::abs(value) < 1e15 ? Json(static_cast<int64_t>(value)) : Json(value);
}

Json number(const Field& field, const char* type) {
  Json json = {{"type", type}};
  if (field.minimum) json["minimum"] = limit(*field.minimum);
  if (field.maximum) json["maximum"] = limit(*field.maximum);
  return json;
}

// A text with a character that is none of these stands for no value of the key. @param allowed  of a regular expression
Json text_of(const char* allowed) {
  return {{"type", "string"}, {"minLength", 1}, {"not", {{"pattern", fmt::format("[^{}]", allowed)}}}};
}

Json one_of(std::vector<Json> forms) {
  forms.push_back({{"type", "null"}});
  return {{"anyOf", std::move(forms)}};
}

// What the value must look like. Its patterns search for a few characters: std::regex recurses with what it matches,
// and texts from outside may be long.
Json form_of(const Field& field) {
  const Json text = {{"type", Json::array({"string", "number"})}};  // a variant "16" needs no quotes
  switch (field.type) {
    case Type::kText:
      if (field.choices.empty()) return {{"type", Json::array({"string", "number", "null"})}};
      return one_of({{{"enum", field.choices}}, reference()});
    case Type::kInteger:
    case Type::kNumber: {
      std::vector<Json> forms = {number(field, field.type == Type::kInteger ? "integer" : "number"), reference()};
      if (!field.choices.empty()) forms.push_back({{"enum", field.choices}});
      return one_of(std::move(forms));
    }
    case Type::kFlag:
      return one_of({{{"type", "boolean"}}, reference()});
    case Type::kSize:
      // "8GiB", "7.5GB", "900M"
      return one_of(
          {{{"type", "string"}, {"allOf", {{{"pattern", "^[0-9.]"}}, {{"pattern", "[0-9.][gGmM]([iI]?[bB])?$"}}}}},
           reference()});
    case Type::kTexts:
      return one_of({text, {{"type", "array"}, {"items", text}}});
    case Type::kIntegers:
    case Type::kNumbers: {
      const bool integers = field.type == Type::kIntegers;
      const Json item = number(field, integers ? "integer" : "number");
      return one_of({item,
                     text_of(integers ? "0-9," : "0-9,.eE+-"),
                     reference(),
                     {{"type", "array"}, {"minItems", 1}, {"items", {{"anyOf", {item, reference()}}}}}});
    }
    case Type::kMap:
      return {{"type", Json::array({"object", "null"})}};
  }
  return {};
}

// The built-in default in the type of its field.
Json standard_of(const Field& field) {
  const Json parsed = Json::parse(field.standard, nullptr, /*allow_exceptions=*/false);
  const bool number = field.type == Type::kInteger || field.type == Type::kNumber || field.type == Type::kFlag;
  return number && !parsed.is_discarded() ? parsed : Json(field.standard);
}

Json json_of(const Field& field) {
  Json json;
  if (!field.description.empty()) json["description"] = field.description;
  json.update(form_of(field));
  if (!field.standard.empty()) json["default"] = standard_of(field);
  if (!field.examples.empty()) json["examples"] = field.examples;
  return json;
}

Json map_of(Json properties) {
  return {{"type", Json::array({"object", "null"})}, {"additionalProperties", false}, {"properties", properties}};
}

bool begins_with(std::string_view path, std::string_view section) {
  return section.empty() || (path.size() > section.size() && path.starts_with(section) && path[section.size()] == '.');
}

// Whether `word` is one or several whole words of `key`: "budget" of "memory_budget".
bool has_words(std::string_view key, std::string_view word) {
  if (word.size() < 3) return false;
  const size_t at = key.find(word);
  if (at == std::string_view::npos) return false;
  const size_t end = at + word.size();
  return (at == 0 || key[at - 1] == '_') && (end == key.size() || key[end] == '_');
}

}  // namespace

Schema::Schema(std::vector<Section> sections, std::vector<Field> fields) : sections_(std::move(sections)) {
  for (const Section& section : sections_) {
    for (Field& field : fields) {
      if (field.path != section.name && !begins_with(field.path, section.name)) continue;
      fields_.push_back(field);
      field.path.clear();
    }
  }
  for (const Field& field : fields) {
    if (field.path.empty()) continue;
    throw Error(ErrorCode::kInternal, fmt::format("the key {} belongs to no section; please report it.", field.path));
  }
  for (size_t i = 0; i < fields_.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      if (fields_[i].path != fields_[k].path) continue;
      throw Error(ErrorCode::kInternal, fmt::format("the key {} is there twice; please report it.", fields_[i].path));
    }
  }
}

const Field* Schema::find(std::string_view path) const {
  for (const Field& field : fields_) {
    if (field.path == path || (field.type == Type::kMap && begins_with(path, field.path))) return &field;
  }
  return nullptr;
}

bool Schema::is_section(std::string_view path) const {
  return std::any_of(fields_.begin(), fields_.end(), [path](const Field& f) { return begins_with(f.path, path); }) ||
         std::any_of(sections_.begin(), sections_.end(), [path](const Section& s) { return s.name == path; });
}

std::vector<std::string> Schema::keys(std::string_view section) const {
  std::vector<std::string> keys;
  const auto add = [&keys](const std::string& key) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
  };
  if (section.empty()) {
    for (const Section& s : sections_) add(s.name);
    return keys;
  }
  for (const Field& field : fields_) {
    if (!begins_with(field.path, section)) continue;
    const std::string rest = field.path.substr(section.size() + 1);
    add(rest.substr(0, rest.find('.')));
  }
  return keys;
}

std::string Schema::nearest_path(const std::string& path) const {
  const size_t dot = path.rfind('.');
  const std::string section = dot == std::string::npos ? "" : path.substr(0, dot);
  const std::string key = dot == std::string::npos ? path : path.substr(dot + 1);
  const auto key_of = [](const std::string& whole) { return whole.substr(whole.rfind('.') + 1); };
  // In its own section first, where that is known.
  if (section.empty() || is_section(section)) {
    const std::string meant = nearest(key, keys(section));
    if (!meant.empty()) return joined(section, meant);
  }
  std::vector<std::string> names;
  for (const Field& field : fields_) {
    names.push_back(key_of(field.path));
    if (names.back() == key) return field.path;
  }
  for (size_t i = 0; i < names.size(); ++i) {
    if (has_words(names[i], key)) return fields_[i].path;
  }
  // In the section that was meant, else in any.
  if (const std::string meant = nearest(section, keys("")); !meant.empty() && meant != section) {
    std::string path_there = nearest_path(joined(meant, key));
    if (!path_there.empty()) return path_there;
  }
  const std::string meant = nearest(key, names);
  if (meant.empty()) return {};
  return fields_[static_cast<size_t>(std::find(names.begin(), names.end(), meant) - names.begin())].path;
}

Json Schema::json() const {
  Json sections = Json::object();
  Json places = Json::object();
  for (const Section& section : sections_) {
    Json map = map_of(Json::object());
    for (const Field& field : fields_) {
      if (field.path == section.name) {
        map = form_of(field);
      } else if (begins_with(field.path, section.name)) {
        // Maps within maps come into being on the way.
        const std::vector<std::string> keys = split_path(field.path);
        Json* at = &map;
        for (size_t i = 1; i + 1 < keys.size(); ++i) {
          Json& properties = (*at)["properties"];
          if (!properties.contains(keys[i])) properties[keys[i]] = map_of(Json::object());
          at = &properties[keys[i]];
        }
        (*at)["properties"][keys.back()] = json_of(field);
      }
    }
    Json described = {{"description", section.description}};
    described.update(map);
    sections[section.name] = described;
    places[section.name] = {{"$ref", "#/definitions/" + section.name}};
  }
  Json file = places;
  const Json name = {{"type", "string"}, {"minLength", 1}};
  file["extends"] = {
      {"description", "Files that this one is laid on: one path or a list, relative to this file, or preset:NAME"},
      {"anyOf", {name, {{"type", "array"}, {"items", name}}}}};
  Json environment = map_of(places);
  environment["description"] = "What is laid on this file's own values when --env or SWAN_ENV has this name";
  file["environments"] = {{"description", "Sections that are chosen by --env or SWAN_ENV"},
                          {"type", Json::array({"object", "null"})},
                          {"additionalProperties", environment}};
  return {{"$schema", "http://json-schema.org/draft-07/schema#"},
          {"title", "A configuration of Swan"},
          {"description", "Made by 'swan config schema' from the program's options; docs/CONFIG.md explains it."},
          {"type", "object"},
          {"additionalProperties", false},
          {"properties", file},
          {"definitions", sections}};
}

std::string expected(const Field& field) {
  const auto range = [&field](const char* what) {
    std::string text = what;
    if (field.minimum && field.maximum) {
      text += fmt::format(" from {} to {}", *field.minimum, *field.maximum);
    } else if (field.minimum) {
      text += fmt::format(" of at least {}", *field.minimum);
    } else if (field.maximum) {
      text += fmt::format(" of at most {}", *field.maximum);
    }
    if (!field.choices.empty()) text += fmt::format(", or {}", fmt::join(field.choices, ", "));
    return text;
  };
  switch (field.type) {
    case Type::kText:
      return field.choices.empty() ? "text" : fmt::format("one of {}", fmt::join(field.choices, ", "));
    case Type::kInteger:
      return range("a whole number");
    case Type::kNumber:
      return range("a number");
    case Type::kFlag:
      return "true or false";
    case Type::kSize:
      return "a size such as 8GiB";
    case Type::kTexts:
      return "text or a list of texts";
    case Type::kIntegers:
      return range("a list of whole numbers, each");
    case Type::kNumbers:
      return range("a list of numbers, each");
    case Type::kMap:
      return "a map of keys";
  }
  return {};
}

}  // namespace swan::config

#include "config/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "config/to_json.h"

namespace swan::config {

namespace {

using Json = nlohmann::ordered_json;

// The file's own references would be replaced again when what is printed is read.
std::string escaped(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '$' && i + 1 < text.size() && text[i + 1] == '{') out += '$';
    out += text[i];
  }
  return out;
}

std::string in_quotes(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Text that means itself without quotes, in a block and between brackets.
bool needs_no_quotes(const std::string& text) {
  const auto word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '/';
  };
  return !text.empty() && plain_kind(text) == Value::Kind::kText && (word(text.front()) || text.front() == '.') &&
         std::all_of(text.begin(), text.end(), [&word](char c) { return word(c) || c == '.' || c == '-' || c == '+'; });
}

std::string scalar(const Value& value) {
  if (value.kind == Value::Kind::kNull) return "null";
  if (value.kind != Value::Kind::kText) return value.text;
  const std::string text = escaped(value.text);
  return needs_no_quotes(text) ? text : in_quotes(text);
}

std::string inlined(const Value& value) {
  if (value.scalar()) return scalar(value);
  std::string out;
  for (const Value& item : value.items) out += (out.empty() ? "" : ", ") + inlined(item);
  for (const Member& member : value.members) {
    out += fmt::format("{}{}: {}", out.empty() ? "" : ", ",
                       needs_no_quotes(member.key) ? member.key : in_quotes(member.key), inlined(member.value));
  }
  return value.kind == Value::Kind::kList ? "[" + out + "]" : "{" + out + "}";
}

// Origins of values that one replaced; a default's is not worth a word.
std::vector<std::string> replaced(const Value& value) {
  std::vector<std::string> origins;
  for (auto origin = value.overridden.rbegin(); origin != value.overridden.rend(); ++origin) {
    if (origin->source != Origin::Source::kDefault) origins.push_back(origin->str());
  }
  return origins;
}

std::string comment(const Value& value) {
  std::string text = value.origin.str();
  const char* separator = ", over ";
  for (const std::string& origin : replaced(value)) {
    text += separator + origin;
    separator = ", ";
  }
  std::replace(text.begin(), text.end(), '\n', ' ');  // in a file's name
  return text;
}

// Walks maps in the schema's order, what it does not name last, and calls `on_leaf` with depth, key and value, `on_map`
// with depth and key.
template <typename OnMap, typename OnLeaf>
void walk(const Value& map, const Schema& schema, const std::string& path, int depth, const OnMap& on_map,
          const OnLeaf& on_leaf) {
  std::vector<std::string> keys = schema.keys(path);
  const Field* open = path.empty() ? nullptr : schema.find(path);
  if (open != nullptr) keys.clear();
  for (const Member& member : map.members) {
    if (std::find(keys.begin(), keys.end(), member.key) == keys.end()) keys.push_back(member.key);
  }
  for (const std::string& key : keys) {
    const Value* value = map.find(key);
    if (value == nullptr) continue;
    const std::string at = joined(path, key);
    if (value->kind == Value::Kind::kNull && schema.is_section(at)) continue;  // nothing below its name
    if (value->kind == Value::Kind::kMap && !value->members.empty()) {
      on_map(depth, key);
      walk(*value, schema, at, depth + 1, on_map, on_leaf);
    } else {
      on_leaf(depth, key, *value);
    }
  }
}

}  // namespace

std::string to_yaml(const Configuration& c, const Schema& schema, bool origins) {
  std::string out;
  if (origins) {
    out += "# Layers, the weakest first. Of each value the strongest is shown, with where it was written.\n";
    for (size_t i = 0; i < c.layers.size(); ++i) out += fmt::format("#   {:>2} {}\n", i + 1, c.layers[i]);
  }
  const auto indent = [](int depth) { return std::string(static_cast<size_t>(depth) * 2, ' '); };
  const auto name = [](const std::string& key) { return needs_no_quotes(key) ? key : in_quotes(key); };
  walk(
      c.root, schema, "", 0, [&](int depth, const std::string& key) { out += indent(depth) + name(key) + ":\n"; },
      [&](int depth, const std::string& key, const Value& value) {
        std::string line = indent(depth) + name(key) + ": " + inlined(value);
        if (origins) line += "  # " + comment(value);
        out += line + "\n";
      });
  return out;
}

std::string to_json_text(const Configuration& c, const Schema& schema, bool origins) {
  Json root = Json::object();
  std::vector<Json*> open = {&root};
  walk(
      c.root, schema, "", 0,
      [&](int depth, const std::string& key) {
        open.resize(static_cast<size_t>(depth) + 1);
        open.push_back(&((*open.back())[key] = Json::object()));
      },
      [&](int depth, const std::string& key, const Value& value) {
        open.resize(static_cast<size_t>(depth) + 1);
        Json& at = (*open.back())[key];
        at = to_ordered_json(value);
        if (!origins) return;
        at = {{"value", std::move(at)}, {"origin", value.origin.str()}};
        if (const std::vector<std::string> weaker = replaced(value); !weaker.empty()) at["overridden"] = weaker;
      });
  return root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace swan::config

#include "config/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace swan::config {

namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// Digits at the front of `text`, which it is left without.
size_t take_digits(std::string_view& text) noexcept {
  size_t count = 0;
  while (count < text.size() && is_digit(text[count])) ++count;
  text.remove_prefix(count);
  return count;
}

}  // namespace

std::string Origin::str() const {
  switch (source) {
    case Source::kDefault:
      return "default";
    case Source::kFile:
      return fmt::format("{}:{}:{}", *name, line, column);
    case Source::kVariable:
      return "$" + *name;
    case Source::kSetting:
      return "--set";
    case Source::kOption:
      return *name;
  }
  return {};
}

const Value* Value::find(std::string_view key) const {
  const auto found = std::find_if(members.begin(), members.end(), [key](const Member& m) { return m.key == key; });
  return found == members.end() ? nullptr : &found->value;
}

Value* Value::find(std::string_view key) { return const_cast<Value*>(std::as_const(*this).find(key)); }

const Value* Value::find_path(std::string_view path) const {
  const Value* value = this;
  for (const std::string& key : split_path(path)) {
    value = value->find(key);
    if (value == nullptr) return nullptr;
  }
  return value;
}

Value* Value::find_path(std::string_view path) { return const_cast<Value*>(std::as_const(*this).find_path(path)); }

Value& Value::at(const std::string& key) {
  if (kind != Kind::kMap) *this = {.kind = Kind::kMap, .origin = origin};
  if (Value* found = find(key)) return *found;
  members.push_back({.key = key, .origin = origin, .value = {}});
  return members.back().value;
}

size_t Value::size() const {
  size_t count = 1;
  for (const Value& item : items) count += item.size();
  for (const Member& member : members) count += member.value.size();
  return count;
}

int Value::depth() const {
  int deepest = 0;
  for (const Value& item : items) deepest = std::max(deepest, item.depth());
  for (const Member& member : members) deepest = std::max(deepest, member.value.depth());
  return deepest + 1;
}

Value::Kind plain_kind(std::string_view text) noexcept {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return Value::Kind::kNull;
  for (const std::string_view flag : {"true", "True", "TRUE", "false", "False", "FALSE"}) {
    if (text == flag) return Value::Kind::kFlag;
  }
  if (text.front() == '+' || text.front() == '-') text.remove_prefix(1);
  const size_t whole = take_digits(text);
  if (text.empty()) return whole > 0 ? Value::Kind::kInteger : Value::Kind::kText;
  size_t fraction = 0;
  if (text.front() == '.') {
    text.remove_prefix(1);
    fraction = take_digits(text);
  }
  if (whole + fraction == 0) return Value::Kind::kText;
  if (!text.empty() && (text.front() == 'e' || text.front() == 'E')) {
    text.remove_prefix(1);
    if (!text.empty() && (text.front() == '+' || text.front() == '-')) text.remove_prefix(1);
    if (take_digits(text) == 0) return Value::Kind::kText;
  }
  return text.empty() ? Value::Kind::kNumber : Value::Kind::kText;
}

Value plain_value(std::string text, const Origin& origin) {
  Value value{.kind = plain_kind(text), .plain = true, .origin = origin};
  value.text = std::move(text);
  return value;
}

Value text_value(std::string text, const Origin& origin) {
  return {.kind = Value::Kind::kText, .text = std::move(text), .origin = origin};
}

void merge(Value& base, const Value& over) {
  if (base.kind == Value::Kind::kMap && over.kind == Value::Kind::kMap) {
    base.origin = over.origin;
    // Keys of the base by name: hostile maps are long.
    std::unordered_map<std::string_view, size_t> places;
    for (size_t i = 0; i < base.members.size(); ++i) places.emplace(base.members[i].key, i);
    std::vector<const Member*> added;
    for (const Member& member : over.members) {
      const auto there = places.find(member.key);
      if (there != places.end()) {
        merge(base.members[there->second].value, member.value);
      } else {
        added.push_back(&member);
      }
    }
    for (const Member* member : added) base.members.push_back(*member);
    return;
  }
  if (base.kind == Value::Kind::kMap && over.kind == Value::Kind::kNull) return;  // "sampling:" with nothing below it
  constexpr size_t kRemembered = 16;                                              // of what was replaced
  std::vector<Origin> overridden = std::move(base.overridden);
  if (base.kind != Value::Kind::kMap) overridden.push_back(base.origin);
  if (overridden.size() > kRemembered) overridden.erase(overridden.begin());
  base = over;
  base.overridden = std::move(overridden);
}

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> keys;
  size_t begin = 0;
  while (begin <= path.size()) {
    const size_t end = std::min(path.find('.', begin), path.size());
    keys.emplace_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return keys;
}

std::string joined(const std::string& path, const std::string& key) { return path.empty() ? key : path + "." + key; }

std::string described(const Value& value) {
  constexpr size_t kLongest = 60;
  switch (value.kind) {
    case Value::Kind::kNull:
      return "nothing";
    case Value::Kind::kList:
      return "a list";
    case Value::Kind::kMap:
      return "a map of keys";
    default:
      break;
  }
  if (value.text.size() <= kLongest) return fmt::format("'{}'", value.text);
  size_t end = kLongest;
  while (end > 0 && (static_cast<unsigned char>(value.text[end]) & 0xC0U) == 0x80U) --end;  // between characters
  return fmt::format("'{}...'", value.text.substr(0, end));
}

}  // namespace swan::config

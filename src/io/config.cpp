#include "io/config.h"

#include <algorithm>
#include <limits>
#include <type_traits>

#include "core/error.h"
#include "io/json.h"

namespace swan::io {

namespace {

using Json = nlohmann::json;

template <typename T>
struct IsVector : std::false_type {};
template <typename T>
struct IsVector<std::vector<T>> : std::true_type {};

template <typename T>
std::string type_name() {
  if constexpr (std::is_same_v<T, bool>) return "true or false";
  if constexpr (std::is_same_v<T, int64_t>) return "an integer";
  if constexpr (std::is_same_v<T, double>) return "a number";
  if constexpr (std::is_same_v<T, std::string>) return "a string";
  if constexpr (IsVector<T>::value) return "a list, each element " + type_name<typename T::value_type>();
}

// The value as a T, or nothing when it is something else.
template <typename T>
std::optional<T> converted(const Json& value) {
  if constexpr (std::is_same_v<T, bool>) {
    if (value.is_boolean()) return value.get<bool>();
  } else if constexpr (std::is_same_v<T, int64_t>) {
    constexpr auto kMost = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    if (value.is_number_unsigned() && value.get<uint64_t>() > kMost) return std::nullopt;
    if (value.is_number_integer()) return value.get<int64_t>();
  } else if constexpr (std::is_same_v<T, double>) {
    if (value.is_number()) return value.get<double>();
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (value.is_string()) return value.get<std::string>();
  } else {
    static_assert(IsVector<T>::value);
    if (!value.is_array()) return std::nullopt;
    T list;
    list.reserve(value.size());
    for (const Json& element : value) {
      auto item = converted<typename T::value_type>(element);
      if (!item) return std::nullopt;
      list.push_back(std::move(*item));
    }
    return list;
  }
  return std::nullopt;
}

// A value for a message: JSON, shortened.
std::string shown(const Json& value) {
  constexpr size_t kLongest = 80;
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + "...";
}

}  // namespace

Config Config::read(const std::string& path) { return {read_json(path), path}; }

Config::Config(Json object, std::string path) : object_(std::move(object)), path_(std::move(path)) {
  if (!object_.is_object())
    fail(ErrorCode::kCorruptFile, "cannot read {}: it holds {}, not a JSON object; get it again.", path_,
         object_.type_name());
}

const Json* Config::find(std::string_view key) const {
  const auto it = object_.find(key);
  return it == object_.end() || it->is_null() ? nullptr : &*it;
}

bool Config::has(std::string_view key) const { return find(key) != nullptr; }

std::string Config::class_name() const {
  if (auto name = optional<std::string>("_class_name")) return *name;
  const auto names = get<std::vector<std::string>>("architectures", {});
  return names.empty() ? "" : names.front();
}

void Config::wrong(std::string_view key, std::string_view expected) const {
  const Json* value = find(key);
  fail(ErrorCode::kCorruptFile,
       "cannot use {}: '{}' is {}, but {} is expected; use the file of the model's repository.", path_, key,
       value == nullptr ? "absent" : shown(*value), expected);
}

void Config::missing(std::string_view key) const {
  fail(ErrorCode::kCorruptFile, "cannot use {}: it has no '{}'; use the file of the model's repository.", path_, key);
}

template <typename T>
std::optional<T> Config::optional(std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  std::optional<T> result = converted<T>(*value);
  if (!result) wrong(key, type_name<T>());
  return result;
}

template std::optional<bool> Config::optional(std::string_view) const;
template std::optional<int64_t> Config::optional(std::string_view) const;
template std::optional<double> Config::optional(std::string_view) const;
template std::optional<std::string> Config::optional(std::string_view) const;
template std::optional<std::vector<bool>> Config::optional(std::string_view) const;
template std::optional<std::vector<int64_t>> Config::optional(std::string_view) const;
template std::optional<std::vector<double>> Config::optional(std::string_view) const;
template std::optional<std::vector<std::string>> Config::optional(std::string_view) const;
template std::optional<std::vector<std::vector<int64_t>>> Config::optional(std::string_view) const;

void Config::check_in(std::string_view key, int64_t value, int64_t least, int64_t most) const {
  if (value < least || value > most) wrong(key, fmt::format("an integer from {} to {}", least, most));
}

std::optional<int64_t> Config::optional_in(std::string_view key, int64_t least, int64_t most) const {
  const std::optional<int64_t> value = optional<int64_t>(key);
  if (value) check_in(key, *value, least, most);
  return value;
}

int64_t Config::get_in(std::string_view key, int64_t fallback, int64_t least, int64_t most) const {
  return optional_in(key, least, most).value_or(fallback);
}

int64_t Config::require_in(std::string_view key, int64_t least, int64_t most) const {
  const auto value = require<int64_t>(key);
  check_in(key, value, least, most);
  return value;
}

std::vector<int64_t> Config::get_list_in(std::string_view key, std::vector<int64_t> fallback, int64_t least,
                                         int64_t most, int64_t count) const {
  auto list = optional<std::vector<int64_t>>(key);
  if (!list) return fallback;
  const bool counted = count < 0 || static_cast<int64_t>(list->size()) == count;
  if (!counted || std::any_of(list->begin(), list->end(), [&](int64_t v) { return v < least || v > most; }))
    wrong(key,
          fmt::format("a list of {}integers from {} to {}", count < 0 ? "" : fmt::format("{} ", count), least, most));
  return std::move(*list);
}

template <typename T>
std::vector<T> Config::get_per_block(std::string_view key, size_t count, const T& fallback) const {
  const Json* value = find(key);
  if (value == nullptr) return std::vector<T>(count, fallback);
  if (const std::optional<T> one = converted<T>(*value)) return std::vector<T>(count, *one);
  auto list = converted<std::vector<T>>(*value);
  if (!list || list->size() != count) wrong(key, fmt::format("{}, or a list of {} such", type_name<T>(), count));
  return std::move(*list);
}

template std::vector<bool> Config::get_per_block(std::string_view, size_t, const bool&) const;
template std::vector<int64_t> Config::get_per_block(std::string_view, size_t, const int64_t&) const;
template std::vector<double> Config::get_per_block(std::string_view, size_t, const double&) const;
template std::vector<std::string> Config::get_per_block(std::string_view, size_t, const std::string&) const;
template std::vector<std::vector<int64_t>> Config::get_per_block(std::string_view, size_t,
                                                                 const std::vector<int64_t>&) const;

std::optional<Config> Config::object(std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) wrong(key, "an object");
  return Config(*value, fmt::format("{} ('{}')", path_, key));
}

std::vector<std::string> Config::unknown_keys(std::span<const std::string_view> known) const {
  std::vector<std::string> unknown;
  for (const auto& [key, value] : object_.items())
    if (!key.starts_with('_') && std::find(known.begin(), known.end(), key) == known.end()) unknown.push_back(key);
  return unknown;
}

}  // namespace swan::io

#include "config/to_json.h"

#include <charconv>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>

namespace swan::config {

namespace {

template <typename Json>
Json number_of(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const char* end = text.data() + text.size();
  int64_t integer = 0;
  uint64_t positive = 0;
  if (const auto r = std::from_chars(text.data(), end, integer); r.ec == std::errc() && r.ptr == end) return integer;
  if (const auto r = std::from_chars(text.data(), end, positive); r.ec == std::errc() && r.ptr == end) {
    if constexpr (std::is_same_v<Json, nlohmann::json>) return std::numeric_limits<int64_t>::max();
    return positive;
  }
  double number = 0;
  if (const auto r = std::from_chars(text.data(), end, number); r.ec == std::errc() && r.ptr == end) return number;
  return std::string(text);  // beyond a double: no number that anything takes
}

template <typename Json>
Json convert(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kNull:
      return nullptr;
    case Value::Kind::kFlag:
      return value.text.front() == 't' || value.text.front() == 'T';
    case Value::Kind::kInteger:
    case Value::Kind::kNumber:
      return number_of<Json>(value.text);
    case Value::Kind::kText:
      return value.text;
    case Value::Kind::kList: {
      Json list = Json::array();
      for (const Value& item : value.items) list.push_back(convert<Json>(item));
      return list;
    }
    case Value::Kind::kMap: {
      Json map = Json::object();
      for (const Member& member : value.members) map[member.key] = convert<Json>(member.value);
      return map;
    }
  }
  return nullptr;
}

}  // namespace

nlohmann::ordered_json to_ordered_json(const Value& value) { return convert<nlohmann::ordered_json>(value); }
nlohmann::json to_json(const Value& value) { return convert<nlohmann::json>(value); }

}  // namespace swan::config

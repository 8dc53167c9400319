#include "server/body.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "server/api_error.h"
#include "server/http/form.h"

namespace swan::server {

namespace {

constexpr int kMaxDepth = 16;

// A value as a message can show it.
std::string shown(const nlohmann::json& value) {
  constexpr size_t kMost = 60;
  if (value.is_structured()) return value.is_object() ? "an object" : "a list";
  std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  return text.size() <= kMost ? text : text.substr(0, kMost) + "...";
}

[[noreturn]] void wrong(const char* name, const std::string& expected, const nlohmann::json& found) {
  throw ApiError(400, "invalid_value", fmt::format("{} must be {}, not {}", name, expected, shown(found)), name);
}

}  // namespace

void missing_field(const char* name) {
  throw ApiError(400, "missing_required_parameter", fmt::format("{} is missing", name), name);
}

int64_t count_characters(const std::string& text) noexcept {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

nlohmann::json json_body(const Request& request) {
  const std::string* type = request.header("content-type");
  if (type == nullptr || media_type(*type) != "application/json") {
    throw ApiError(415, "unsupported_media_type",
                   "the body must be JSON, and the header Content-Type application/json");
  }
  // Checked while parsing: what is deeper never becomes a value, whose writing would be recursive.
  const auto shallow = [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    if (depth > kMaxDepth) throw ApiError(400, "invalid_json", "the body is nested too deep");
    return true;
  };
  try {
    nlohmann::json body = nlohmann::json::parse(request.body, shallow);
    if (!body.is_object()) throw ApiError(400, "invalid_json", "the body must be a JSON object");
    return body;
  } catch (const nlohmann::json::exception& e) {
    throw ApiError(400, "invalid_json", fmt::format("the body is not JSON: {}", e.what()));
  }
}

const nlohmann::json* BodyReader::any(const char* name) {
  seen_.insert(name);
  const auto found = body_.find(name);
  if (found == body_.end() || (nulls_ && found->is_null())) return nullptr;
  return &*found;
}

std::optional<std::string> BodyReader::text(const char* name, int64_t most) {
  const nlohmann::json* value = any(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) wrong(name, "text", *value);
  const auto& text = value->get_ref<const std::string&>();
  if (count_characters(text) > most) {
    throw ApiError(400, "string_too_long", fmt::format("{} has more than {} characters", name, most), name);
  }
  return text;
}

std::optional<int64_t> BodyReader::integer(const char* name, int64_t low, int64_t high) {
  const nlohmann::json* value = any(name);
  if (value == nullptr) return std::nullopt;
  const std::string expected = fmt::format("a whole number from {} to {}", low, high);
  if (!value->is_number()) wrong(name, expected, *value);
  // 20.0 is a whole number too; what is out of a double's reach is out of range anyway.
  const auto number = value->get<double>();
  if (number != std::floor(number) || number < static_cast<double>(low) || number > static_cast<double>(high)) {
    wrong(name, expected, *value);
  }
  return value->is_number_integer() ? value->get<int64_t>() : static_cast<int64_t>(number);
}

std::optional<double> BodyReader::number(const char* name, double low, double high) {
  const nlohmann::json* value = any(name);
  if (value == nullptr) return std::nullopt;
  const auto number = value->is_number() ? value->get<double>() : NAN;
  if (!(number >= low && number <= high)) wrong(name, fmt::format("a number from {:g} to {:g}", low, high), *value);
  return number;
}

std::optional<bool> BodyReader::flag(const char* name) {
  const nlohmann::json* value = any(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) wrong(name, "true or false", *value);
  return value->get<bool>();
}

std::optional<std::string> BodyReader::choice(const char* name, const std::vector<std::string>& choices) {
  const nlohmann::json* value = any(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string() ||
      std::find(choices.begin(), choices.end(), value->get_ref<const std::string&>()) == choices.end()) {
    wrong(name, fmt::format("one of {}", fmt::join(choices, ", ")), *value);
  }
  return value->get<std::string>();
}

void BodyReader::refuse_others() const {
  for (const auto& [name, value] : body_.items()) {
    if (seen_.find(name) != seen_.end()) continue;
    throw ApiError(400, "unknown_parameter", fmt::format("there is no field {}; see /openapi.json", shown(name)), name);
  }
}

}  // namespace swan::server

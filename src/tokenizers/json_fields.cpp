#include "tokenizers/json_fields.h"

#include <utility>

#include "core/error.h"

namespace swan::tokenizers {

using nlohmann::json;

std::string shown(const json& value) {
  constexpr size_t kMaxShown = 60;
  if (value.is_structured()) return value.type_name();
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > kMaxShown) text = text.substr(0, kMaxShown) + "...";
  return text;
}

namespace {

[[noreturn]] void wrong_type(const json& value, const std::string& what, const char* expected,
                             const std::string& path) {
  fail(ErrorCode::kCorruptFile, "cannot load tokenizer: {} in {} is {}, expected {}; download the file again.", what,
       path, shown(value), expected);
}

}  // namespace

const json& object_at(const json& value, const char* what, const std::string& path) {
  if (!value.is_object()) wrong_type(value, what, "an object", path);
  return value;
}

const json& array_at(const json& value, const char* what, const std::string& path) {
  if (!value.is_array()) wrong_type(value, what, "an array", path);
  return value;
}

std::string string_field(const json& object, const char* key, const std::string& path) {
  const auto it = object.find(key);
  if (it == object.end()) {
    fail(ErrorCode::kCorruptFile, "cannot load tokenizer: the key '{}' is missing in {}; download the file again.", key,
         path);
  }
  if (!it->is_string()) wrong_type(*it, key, "a string", path);
  return it->get<std::string>();
}

std::string string_field_or(const json& object, const char* key, const std::string& fallback, const std::string& path) {
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? fallback : string_field(object, key, path);
}

std::optional<bool> optional_bool_field(const json& object, const char* key, const std::string& path) {
  const auto it = object.find(key);
  if (it == object.end() || it->is_null()) return std::nullopt;
  if (!it->is_boolean()) wrong_type(*it, key, "true or false", path);
  return it->get<bool>();
}

int32_t checked_id(const json& id, const char* what, const std::string& path) {
  if (!id.is_number_integer() || id < 0 || id > kMaxTokenId) {
    fail(ErrorCode::kCorruptFile,
         "cannot load tokenizer: the token id of '{}' in {} is {}, expected a number from 0 to {}.", what, path,
         shown(id), kMaxTokenId);
  }
  return id.get<int32_t>();
}

AddedToken checked_token(AddedToken token, const std::string& path) {
  if (token.content.empty() || token.content.size() > kMaxPieceBytes) {
    fail(ErrorCode::kCorruptFile, "cannot load tokenizer: the added token {} in {} has {} bytes, expected 1 to {}.",
         token.id, path, token.content.size(), kMaxPieceBytes);
  }
  return token;
}

AddedToken read_added_token(const json& token, int32_t id, const std::string& path) {
  object_at(token, "an added token", path);
  const auto flag = [&](const char* key) { return optional_bool_field(token, key, path).value_or(false); };
  return checked_token({.content = string_field(token, "content", path),
                        .id = id,
                        .single_word = flag("single_word"),
                        .lstrip = flag("lstrip"),
                        .rstrip = flag("rstrip"),
                        .normalized = flag("normalized")},
                       path);
}

}  // namespace swan::tokenizers

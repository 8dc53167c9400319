#include "tokenizers/tokenizer_config.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tokenizers/files.h"
#include "tokenizers/json_fields.h"

namespace swan::tokenizers {
namespace {

using nlohmann::json;

constexpr size_t kMaxConfigBytes = size_t{1} << 24;
constexpr int64_t kMaxExtraIds = 1 << 16;

/// Special tokens are written as "<bos>" or as {"content": "<bos>", ...}; null means none.
std::string token_name(const json& value, const char* key, const std::string& path) {
  if (value.is_null()) return {};
  if (value.is_string()) return value.get<std::string>();
  return string_field(object_at(value, key, path), "content", path);
}

int32_t parse_id(const std::string& text, const std::string& path) {
  int64_t id = -1;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (status != std::errc() || end != text.data() + text.size()) id = -1;
  return checked_id(id, "added_tokens_decoder", path);
}

void read_special_tokens(const json& config, TokenizerConfig& result, const std::string& path) {
  const auto read = [&](const char* key, std::string* name) {
    const auto it = config.find(key);
    if (it == config.end()) return;
    std::string token = token_name(*it, key, path);
    if (token.empty()) return;
    if (name != nullptr && name->empty()) *name = token;
    result.special_tokens.push_back(std::move(token));
  };
  read("bos_token", &result.bos_token);
  read("eos_token", &result.eos_token);
  read("pad_token", &result.pad_token);
  read("unk_token", &result.unk_token);
  for (const char* key : {"mask_token", "sep_token", "cls_token"}) read(key, nullptr);
  const auto additional = config.find("additional_special_tokens");
  if (additional == config.end() || additional->is_null()) return;
  for (const json& token : array_at(*additional, "additional_special_tokens", path)) {
    std::string name = token_name(token, "additional_special_tokens", path);
    if (!name.empty()) result.special_tokens.push_back(std::move(name));
  }
}

void read_main_config(const json& config, TokenizerConfig& result) {
  const std::string& path = result.path;
  result.tokenizer_class = string_field_or(config, "tokenizer_class", "", path);
  result.add_bos_token = optional_bool_field(config, "add_bos_token", path);
  result.add_eos_token = optional_bool_field(config, "add_eos_token", path);
  result.legacy = optional_bool_field(config, "legacy", path).value_or(true);
  const auto extra = config.find("extra_ids");
  if (extra != config.end() && !extra->is_null()) {
    if (!extra->is_number_integer() || *extra < 0 || *extra > kMaxExtraIds) {
      fail(ErrorCode::kCorruptFile, "cannot load tokenizer: extra_ids in {} is {}, expected a number from 0 to {}.",
           path, shown(*extra), kMaxExtraIds);
    }
    result.extra_ids = extra->get<int64_t>();
  }
  const auto decoder = config.find("added_tokens_decoder");
  if (decoder != config.end() && !decoder->is_null()) {
    for (const auto& [id, token] : object_at(*decoder, "added_tokens_decoder", path).items()) {
      result.added_tokens.push_back(read_added_token(token, parse_id(id, path), path));
    }
  }
}

}  // namespace

TokenizerConfig read_tokenizer_config(const std::string& directory) {
  TokenizerConfig result{.path = directory + "/tokenizer_config.json"};
  if (const auto text = read_file(result.path, kMaxConfigBytes)) {
    const json parsed = parse_json(*text, result.path);
    const json& config = object_at(parsed, "the file", result.path);
    read_main_config(config, result);
    read_special_tokens(config, result, result.path);
  }
  const std::string map_path = directory + "/special_tokens_map.json";
  if (const auto text = read_file(map_path, kMaxConfigBytes)) {
    const json parsed = parse_json(*text, map_path);
    read_special_tokens(object_at(parsed, "the file", map_path), result, map_path);
  }
  const std::string added_path = directory + "/added_tokens.json";
  if (const auto text = read_file(added_path, kMaxConfigBytes)) {
    const json parsed = parse_json(*text, added_path);
    for (const auto& [content, id] : object_at(parsed, "the file", added_path).items()) {
      result.added_tokens.push_back(
          checked_token({.content = content, .id = checked_id(id, content.c_str(), added_path)}, added_path));
    }
  }
  return result;
}

}  // namespace swan::tokenizers

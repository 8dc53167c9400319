#include "tokenizers/tokenizer_json.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <unordered_map>
#include <utility>

#include "core/error.h"
#include "tokenizers/bpe_merges.h"
#include "tokenizers/charsmap.h"
#include "tokenizers/json_fields.h"
#include "tokenizers/tokenizer_json_reader.h"
#include "tokenizers/unicode.h"

namespace swan::tokenizers {
namespace {

using nlohmann::json;

constexpr const char* kSpaceMark = "\u2581";

[[noreturn]] void unsupported(const std::string& path, const std::string& what) {
  fail(ErrorCode::kUnsupported,
       "cannot load tokenizer: {} has {}, which is neither Gemma's nor T5's; use the tokenizer of a Sana or Wan "
       "repository, "
       "or add its sentencepiece model (tokenizer.model or spiece.model).",
       path, what);
}

const json& member(const json& object, const char* key) {
  static const json kNull;
  const auto it = object.find(key);
  return it == object.end() ? kNull : *it;
}

/// The parts of a value that is one object or {"type": "Sequence", "<list_key>": [...]}; none for null.
std::vector<const json*> parts_of(const json& value, const char* what, const char* list_key, const std::string& path) {
  if (value.is_null()) return {};
  if (string_field(object_at(value, what, path), "type", path) != "Sequence") return {&value};
  std::vector<const json*> parts;
  for (const json& part : array_at(member(value, list_key), list_key, path)) {
    parts.push_back(&object_at(part, what, path));
  }
  return parts;
}

bool is_replacement(const json& part, const char* kind, const char* pattern) {
  const json& wanted = member(part, "pattern");
  return wanted.is_object() && member(wanted, kind) == pattern;
}

bool is_byte_name(std::string_view text) {
  const auto digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); };
  return text.size() == 6 && text.starts_with("<0x") && digit(text[3]) && digit(text[4]) && text[5] == '>';
}

void check_entry(const TokenizerJson::Entry& entry, const std::string& path) {
  if (entry.text.empty() || entry.text.size() > kMaxPieceBytes || entry.id < 0) {
    fail(ErrorCode::kCorruptFile,
         "cannot load tokenizer: the entry of model.vocab in {} with id {} has {} bytes, expected an id and 1 to {} "
         "bytes; "
         "download the file again.",
         path, entry.id, entry.text.size(), kMaxPieceBytes);
  }
}

// --- BPE, Gemma

void read_bpe(TokenizerJson& file, const json& model, TokenizerDefinition& definition) {
  const std::string& path = definition.path;
  Vocabulary& vocabulary = definition.vocabulary;
  vocabulary.type = ModelType::kBpe;
  if (!file.has_vocab || !file.has_merges) {
    fail(ErrorCode::kCorruptFile,
         "cannot load tokenizer: {} has a BPE model without a list of merges or without a vocabulary; download it "
         "again.",
         path);
  }
  if (file.vocab_is_list) {
    fail(ErrorCode::kCorruptFile, "cannot load tokenizer: model.vocab in {} is a list, but a BPE model has an object.",
         path);
  }
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!string_field_or(model, key, "", path).empty()) unsupported(path, fmt::format("a BPE model with a {}", key));
  }
  if (!member(model, "dropout").is_null() && member(model, "dropout") != 0)
    unsupported(path, "a BPE model with dropout");
  if (optional_bool_field(model, "ignore_merges", path).value_or(false))
    unsupported(path, "a BPE model that ignores merges");
  if (!vocabulary.byte_fallback && !optional_bool_field(model, "fuse_unk", path).value_or(false)) {
    unsupported(path, "a BPE model without fuse_unk and byte_fallback");
  }
  for (const json* part : parts_of(member(file.rest, "normalizer"), "the normalizer", "normalizers", path)) {
    if (member(*part, "type") != "Replace" || !is_replacement(*part, "String", " ") ||
        member(*part, "content") != kSpaceMark) {
      unsupported(path, fmt::format("a BPE model with the normalizer {}", shown(member(*part, "type"))));
    }
  }
  if (member(file.rest, "normalizer").is_null()) unsupported(path, "a BPE model without a normalizer");
  for (const json* part : parts_of(member(file.rest, "pre_tokenizer"), "the pre_tokenizer", "pretokenizers", path)) {
    // Splitting at spaces after all spaces have been replaced does nothing.
    if (member(*part, "type") != "Split" || !is_replacement(*part, "String", " ")) {
      unsupported(path, fmt::format("a BPE model with the pre_tokenizer {}", shown(member(*part, "type"))));
    }
  }

  const std::string unknown = string_field_or(model, "unk_token", "", path);
  vocabulary.pieces.reserve(file.vocab.size());
  for (TokenizerJson::Entry& entry : file.vocab) {
    check_entry(entry, path);
    const PieceType type = entry.text == unknown                                  ? PieceType::kUnknown
                           : vocabulary.byte_fallback && is_byte_name(entry.text) ? PieceType::kByte
                                                                                  : PieceType::kControl;
    vocabulary.pieces.push_back({.text = std::move(entry.text), .id = static_cast<int32_t>(entry.id), .type = type});
  }
  // Only what a merge makes, or is a character alone, can come out of a text; the rest stays kControl.
  score_by_merges(vocabulary.pieces, file.merges, path);
}

// --- Unigram, T5

void read_unigram_normalizer(const TokenizerJson& file, TokenizerDefinition& definition) {
  const std::string& path = definition.path;
  Vocabulary& vocabulary = definition.vocabulary;
  bool one_space = false;
  for (const json* part : parts_of(member(file.rest, "normalizer"), "the normalizer", "normalizers", path)) {
    const std::string type = string_field(*part, "type", path);
    if (type == "Precompiled" && vocabulary.precompiled_charsmap.empty()) {
      vocabulary.precompiled_charsmap = decode_base64(string_field_or(*part, "precompiled_charsmap", "", path), path);
    } else if (type == "Replace" && is_replacement(*part, "Regex", " {2,}") &&
               (member(*part, "content") == kSpaceMark || member(*part, "content") == " ")) {
      one_space = true;
    } else if (type != "Strip") {  // spaces at the ends come to nothing in any case
      unsupported(path, fmt::format("a unigram model with the normalizer {}", type));
    }
  }
  bool has_metaspace = false;
  for (const json* part : parts_of(member(file.rest, "pre_tokenizer"), "the pre_tokenizer", "pretokenizers", path)) {
    const std::string type = string_field(*part, "type", path);
    if (type == "WhitespaceSplit") {
      one_space = true;
    } else if (type == "Metaspace" && !has_metaspace) {
      has_metaspace = true;
      const bool legacy_prefix = optional_bool_field(*part, "add_prefix_space", path).value_or(true);
      const std::string scheme = string_field_or(*part, "prepend_scheme", legacy_prefix ? "always" : "never", path);
      if (scheme != "always" && scheme != "first" && scheme != "never") {
        fail(ErrorCode::kCorruptFile,
             "cannot load tokenizer: prepend_scheme in {} is '{}', expected always, first or never.", path, scheme);
      }
      vocabulary.word_prefix = scheme == "always"  ? WordPrefix::kAlways
                               : scheme == "first" ? WordPrefix::kFirst
                                                   : WordPrefix::kNever;
      if (!optional_bool_field(*part, "split", path).value_or(true) || member(*part, "replacement") != kSpaceMark) {
        unsupported(path, "a Metaspace pre_tokenizer that does not split at U+2581");
      }
    } else {
      unsupported(path, fmt::format("a unigram model with the pre_tokenizer {}", type));
    }
  }
  if (!has_metaspace) unsupported(path, "a unigram model without a Metaspace pre_tokenizer");
  if (!one_space) unsupported(path, "a unigram model that keeps repeated spaces");
}

void read_unigram(TokenizerJson& file, const json& model, TokenizerDefinition& definition) {
  const std::string& path = definition.path;
  Vocabulary& vocabulary = definition.vocabulary;
  vocabulary.type = ModelType::kUnigram;
  if (!file.vocab_is_list) {
    fail(ErrorCode::kCorruptFile,
         "cannot load tokenizer: model.vocab in {} is an object, but a unigram model has a list.", path);
  }
  const int32_t unknown = checked_id(member(model, "unk_id"), "unk_id", path);
  vocabulary.pieces.reserve(file.vocab.size());
  for (TokenizerJson::Entry& entry : file.vocab) {
    check_entry(entry, path);
    const auto score = static_cast<float>(entry.score);
    if (!std::isfinite(score)) {
      fail(ErrorCode::kCorruptFile,
           "cannot load tokenizer: the score of '{}' in {} is {}, expected a finite f32 number.", entry.text, path,
           entry.score);
    }
    const PieceType type = entry.id == unknown                                    ? PieceType::kUnknown
                           : vocabulary.byte_fallback && is_byte_name(entry.text) ? PieceType::kByte
                                                                                  : PieceType::kNormal;
    vocabulary.pieces.push_back(
        {.text = std::move(entry.text), .id = static_cast<int32_t>(entry.id), .score = score, .type = type});
  }
  read_unigram_normalizer(file, definition);
}

// --- What surrounds a text

void read_template(const json& processor, TokenizerDefinition& definition) {
  const std::string& path = definition.path;
  const json& special = object_at(member(processor, "special_tokens"), "special_tokens", path);
  bool before = true;
  for (const json& part : array_at(member(processor, "single"), "the template", path)) {
    object_at(part, "a part of the template", path);
    if (part.contains("Sequence")) {
      if (!before) unsupported(path, "a template that repeats the text");
      before = false;
      continue;
    }
    const json& token = object_at(member(part, "SpecialToken"), "SpecialToken", path);
    const json& entry = object_at(member(special, string_field(token, "id", path).c_str()), "special_tokens", path);
    for (const json& id : array_at(member(entry, "ids"), "ids", path)) {
      (before ? definition.prefix_ids : definition.suffix_ids).push_back(checked_id(id, "ids", path));
    }
  }
  if (before) unsupported(path, "a template without the text");
  definition.has_template = true;
}

}  // namespace

TokenizerDefinition read_tokenizer_json(std::string_view text, const std::string& path) {
  TokenizerJson file = parse_tokenizer_json(text, path);
  TokenizerDefinition definition{.path = path, .lists_added_tokens = true};
  object_at(file.rest, "the file", path);
  const json& model = object_at(member(file.rest, "model"), "model", path);
  definition.vocabulary.byte_fallback = optional_bool_field(model, "byte_fallback", path).value_or(false);
  const std::string type = string_field_or(model, "type", "", path);
  if (type == "BPE") {
    read_bpe(file, model, definition);
  } else if (type == "Unigram") {
    read_unigram(file, model, definition);
  } else {
    unsupported(path, fmt::format("a model of type '{}'", type));
  }

  std::vector<Piece>& pieces = definition.vocabulary.pieces;
  std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.id < b.id; });
  const auto twin =
      std::adjacent_find(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.id == b.id; });
  if (twin != pieces.end()) {
    fail(ErrorCode::kCorruptFile,
         "cannot load tokenizer: '{}' and '{}' in {} have the same id {}; download the file again.", twin->text,
         (twin + 1)->text, path, twin->id);
  }

  const json& added = member(file.rest, "added_tokens");
  if (!added.is_null()) {
    for (const json& token : array_at(added, "added_tokens", path)) {
      object_at(token, "an added token", path);
      const int32_t id = checked_id(member(token, "id"), "added_tokens", path);
      definition.added_tokens.push_back(read_added_token(token, id, path));
    }
  }
  for (const json* part : parts_of(member(file.rest, "post_processor"), "the post_processor", "processors", path)) {
    if (definition.has_template || member(*part, "type") != "TemplateProcessing") {
      unsupported(path, fmt::format("the post_processor {}", shown(member(*part, "type"))));
    }
    read_template(*part, definition);
  }
  return definition;
}

}  // namespace swan::tokenizers

#include "tokenizers/sentencepiece_tokenizer.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/error.h"
#include "tokenizers/added_tokens.h"
#include "tokenizers/segmenter.h"
#include "tokenizers/unicode.h"

namespace swan::tokenizers {
namespace {

struct SpecialIds {
  int32_t pad = 0, bos = -1, eos = -1, unk = -1;
};

class SentencePieceTokenizer final : public Tokenizer {
 public:
  SentencePieceTokenizer(TokenizerDefinition definition, SpecialIds special, int64_t vocab_size)
      : special_(special),
        vocab_size_(vocab_size),
        prefix_ids_(std::move(definition.prefix_ids)),
        suffix_ids_(std::move(definition.suffix_ids)),
        finder_(std::move(definition.added_tokens), definition.vocabulary.type == ModelType::kBpe),
        segmenter_(std::move(definition.vocabulary), std::move(definition.path)) {}

  [[nodiscard]] std::vector<int32_t> encode(std::string_view text) const override {
    std::string repaired;
    if (!is_utf8(text)) text = repaired = replace_invalid_utf8(text);
    std::vector<int32_t> ids = prefix_ids_;
    for (const Section& section : finder_.split(text)) {
      if (section.id >= 0) {
        ids.push_back(section.id);
      } else {
        segmenter_.encode(section.text, section.at_start, ids);
      }
    }
    ids.insert(ids.end(), suffix_ids_.begin(), suffix_ids_.end());
    return ids;
  }

  [[nodiscard]] int64_t vocab_size() const override { return vocab_size_; }
  [[nodiscard]] int32_t pad_id() const override { return special_.pad; }
  [[nodiscard]] int32_t bos_id() const override { return special_.bos; }
  [[nodiscard]] int32_t eos_id() const override { return special_.eos; }
  [[nodiscard]] int32_t unk_id() const override { return special_.unk; }
  [[nodiscard]] std::span<const int32_t> prefix_ids() const override { return prefix_ids_; }
  [[nodiscard]] std::span<const int32_t> suffix_ids() const override { return suffix_ids_; }

 private:
  SpecialIds special_;
  int64_t vocab_size_;
  std::vector<int32_t> prefix_ids_, suffix_ids_;
  AddedTokenFinder finder_;
  Segmenter segmenter_;
};

/// Every token by its text, while the definition is completed from the configuration. Refers to the definition's
/// pieces.
class TokenTable {
 public:
  explicit TokenTable(const TokenizerDefinition& definition) : path_(definition.path) {
    ids_.reserve(definition.vocabulary.pieces.size());
    for (const Piece& piece : definition.vocabulary.pieces) {
      if (!ids_.emplace(piece.text, piece.id).second) {
        fail(ErrorCode::kCorruptFile,
             "cannot load tokenizer: '{}' occurs twice in the vocabulary of {}; download it again.", piece.text, path_);
      }
      size_ = std::max<int64_t>(size_, int64_t{piece.id} + 1);
    }
    pieces_ = size_;
  }

  [[nodiscard]] int32_t find(std::string_view text) const {
    if (const auto token = added_.find(std::string(text)); token != added_.end()) return token->second.id;
    const auto it = ids_.find(text);
    return it == ids_.end() ? -1 : it->second;
  }

  /// Adds a token, or replaces the flags of one that is known. @throws Error kCorruptFile when the ids contradict
  void add(const AddedToken& token, const std::string& source) {
    const int32_t known = find(token.content);
    if (known >= 0 && known != token.id) {
      fail(ErrorCode::kCorruptFile,
           "cannot load tokenizer: '{}' has the id {} in {}, but {} in {}; use files of one revision.", token.content,
           token.id, source, known, path_);
    }
    if (known < 0 && (token.id < pieces_ || !extra_ids_.insert(token.id).second)) {
      fail(ErrorCode::kCorruptFile,
           "cannot load tokenizer: the added token '{}' in {} has the id {}, which another token has; use files of one "
           "revision.",
           token.content, source, token.id);
    }
    size_ = std::max<int64_t>(size_, int64_t{token.id} + 1);
    added_[token.content] = token;
  }

  /// Adds a token that has an id by its name alone; one without is no token.
  void add_by_name(const std::string& name) {
    if (const int32_t id = find(name); id >= 0 && !added_.contains(name)) add({.content = name, .id = id}, path_);
  }

  [[nodiscard]] int64_t size() const { return size_; }
  [[nodiscard]] std::vector<AddedToken> added() const {
    std::vector<AddedToken> tokens;
    for (const auto& [content, token] : added_) tokens.push_back(token);
    return tokens;
  }

 private:
  std::string path_;
  std::unordered_map<std::string_view, int32_t> ids_;
  std::unordered_map<std::string, AddedToken> added_;
  std::unordered_set<int32_t> extra_ids_;
  int64_t size_ = 0;
  int64_t pieces_ = 0;
};

void check_family(const TokenizerDefinition& definition, const TokenizerConfig& config) {
  const std::string& name = config.tokenizer_class;
  const bool gemma = name.starts_with("Gemma");
  const bool t5 = name.starts_with("T5") || name.starts_with("MT5") || name.starts_with("UMT5");
  const bool generic = name.empty() || name == "PreTrainedTokenizerFast" || name == "TokenizersBackend";
  if (!gemma && !t5 && !generic) {
    fail(ErrorCode::kUnsupported,
         "cannot load tokenizer: {} names the class {}, but only Gemma's and T5's tokenizers are known; use the "
         "tokenizer "
         "of a Sana or Wan repository.",
         config.path, name);
  }
  const bool bpe = definition.vocabulary.type == ModelType::kBpe;
  if ((gemma && !bpe) || (t5 && bpe)) {
    fail(ErrorCode::kCorruptFile,
         "cannot load tokenizer: {} names the class {}, but {} holds a {} model; use files of one "
         "revision.",
         config.path, name, definition.path, bpe ? "BPE" : "unigram");
  }
}

/// The tokens that the text may name, from the most general source to the most particular.
void collect_added_tokens(const TokenizerDefinition& definition, const TokenizerConfig& config, TokenTable& table) {
  const Vocabulary& vocabulary = definition.vocabulary;
  // A sentencepiece model says by its piece types what its conversion to tokenizer.json lists.
  for (const Piece& piece : vocabulary.pieces) {
    const bool special =
        piece.type == PieceType::kControl || piece.type == PieceType::kUserDefined || piece.type == PieceType::kUnknown;
    if (special && !definition.lists_added_tokens) table.add({.content = piece.text, .id = piece.id}, definition.path);
  }
  for (const AddedToken& token : definition.added_tokens) table.add(token, definition.path);
  for (const AddedToken& token : config.added_tokens) table.add(token, config.path);
  // T5 counts its sentinels down from the end of the vocabulary.
  if (table.find("<extra_id_0>") < 0) {
    const auto first = static_cast<int32_t>(table.size());
    for (auto i = static_cast<int32_t>(config.extra_ids); i-- > 0;) {
      table.add(
          {.content = fmt::format("<extra_id_{}>", i), .id = first + static_cast<int32_t>(config.extra_ids) - 1 - i},
          config.path);
    }
  }
  for (const std::string& name : config.special_tokens) table.add_by_name(name);
}

int32_t special_id(const TokenTable& table, const std::string& configured, const char* usual) {
  return table.find(configured.empty() ? usual : configured);
}

}  // namespace

std::unique_ptr<Tokenizer> make_tokenizer(TokenizerDefinition definition, const TokenizerConfig& config) {
  check_family(definition, config);
  Vocabulary& vocabulary = definition.vocabulary;
  const bool bpe = vocabulary.type == ModelType::kBpe;
  TokenTable table(definition);
  collect_added_tokens(definition, config, table);
  definition.added_tokens = table.added();

  SpecialIds special;
  special.pad = std::max(0, special_id(table, config.pad_token, "<pad>"));
  special.bos = special_id(table, config.bos_token, bpe ? "<bos>" : "<s>");
  special.eos = special_id(table, config.eos_token, bpe ? "<eos>" : "</s>");
  special.unk = special_id(table, config.unk_token, "<unk>");

  if (!definition.has_template) {
    // Gemma: <bos> text. T5: text </s>.
    const auto require = [&](int32_t id, const char* what) {
      if (id < 0) {
        fail(ErrorCode::kCorruptFile,
             "cannot load tokenizer: {} has no {} token, which every text needs; download it again.", definition.path,
             what);
      }
      return id;
    };
    if (config.add_bos_token.value_or(bpe)) definition.prefix_ids.push_back(require(special.bos, "begin-of-text"));
    if (config.add_eos_token.value_or(!bpe)) definition.suffix_ids.push_back(require(special.eos, "end-of-text"));
    if (!config.legacy && vocabulary.word_prefix == WordPrefix::kAlways) vocabulary.word_prefix = WordPrefix::kFirst;
  }
  for (const auto* ids : {&definition.prefix_ids, &definition.suffix_ids}) {
    for (const int32_t id : *ids) {
      if (id >= table.size()) {
        fail(ErrorCode::kCorruptFile,
             "cannot load tokenizer: the post_processor in {} adds the id {}, but the vocabulary ends at {}; download "
             "it "
             "again.",
             definition.path, id, table.size() - 1);
      }
    }
  }
  return std::make_unique<SentencePieceTokenizer>(std::move(definition), special, table.size());
}

}  // namespace swan::tokenizers
